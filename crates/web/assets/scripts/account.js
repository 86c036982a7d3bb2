// `/account`: my credentials, and adding one somewhere else.

import { showCards } from './cards.js'
import { openCodePanel } from './code-panel.js'
import { signalAccepted } from './passkeys.js'
import { $, busy, complain, introduce, say } from './page.js'
import { callSignedIn, leave, session } from './session.js'

/** Loads the credentials, shows them, and tells the browser which passkeys are good. */
async function refresh(here) {
  const { items } = await callSignedIn('GET', '/auth/credentials')
  const { rpId } = here.application
  const signal = (credentials) => signalAccepted({ rpId, user: session(), credentials })
  showCards($('cards'), items, { refresh: () => refresh(here), signal })
  await signal(items)
}

async function begin() {
  const user = session()
  if (!user) {
    leave('session_ended')
    return
  }
  $('user').textContent = user.username
  $('sign-out').addEventListener('click', () =>
    busy($('sign-out'), 'Signing out…', async () => {
      await callSignedIn('PUT', '/auth/logout', { body: {} })
      leave('signed_out')
    }),
  )
  try {
    say('Loading your credentials…')
    const here = await introduce()
    await refresh(here)
    say('')
    await openCodePanel(here, { refresh: () => refresh(here) })
  } catch (error) {
    complain(error)
  }
}

begin()
