// `/account`: my credentials, and adding one somewhere else.

import { askToTakeAway, showCards } from './cards.js'
import { openCodePanel } from './code-panel.js'
import { forget, keep, kept } from './kept.js'
import { t } from './language.js'
import { signalAccepted } from './passkeys.js'
import { $, busy, complain, introduce, say, takeFragment } from './page.js'
import { callSignedIn, hasBeenSignedIn, leave, session } from './session.js'

/** Loads the credentials, shows them, and tells the browser which passkeys are good. */
async function refresh(here) {
  const { items } = await callSignedIn('GET', '/auth/credentials')
  const { rpId } = here.application
  const signal = (credentials) => signalAccepted({ rpId, user: session(), credentials })
  showCards($('cards'), items, { refresh: () => refresh(here), signal })
  await signal(items)
}

/** The credential that a notice by mail is about, whose reader may have to sign in first. */
const NOTICED = 'noticed'

/** How long that may take, in milliseconds. */
const SIGN_IN = 15 * 60_000

async function begin() {
  const noticed = takeFragment()
  if (noticed) {
    keep(NOTICED, noticed, Date.now() + SIGN_IN)
  }
  const user = session()
  if (!user) {
    const notice = hasBeenSignedIn() ? 'session_ended' : 'sign_in_first'
    leave(kept(NOTICED) ? 'sign_in_to_take_away' : notice)
    return
  }
  $('user').textContent = user.username
  $('sign-out').addEventListener('click', () =>
    busy($('sign-out'), t('Signing out…'), async () => {
      await callSignedIn('PUT', '/auth/logout', { body: {} })
      leave('signed_out')
    }),
  )
  try {
    say(t('Loading your credentials…'))
    const here = await introduce()
    await refresh(here)
    say('')
    await openCodePanel(here, { refresh: () => refresh(here) })
    const credentialUuid = kept(NOTICED)
    if (credentialUuid) {
      forget(NOTICED)
      askToTakeAway($('cards'), credentialUuid)
    }
  } catch (error) {
    complain(error)
  }
}

begin()
