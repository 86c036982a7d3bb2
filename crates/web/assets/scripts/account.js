// `/account`: my credentials, and adding one somewhere else.

import { serviceNow } from './api.js'
import { askToTakeAway, showCards } from './cards.js'
import { openCodePanel, waitingCredential } from './code-panel.js'
import { openGrantPanel } from './grant-panel.js'
import { openHerePanel, showHere } from './here-panel.js'
import { numberOf } from './kit.js'
import { t, translated } from './language.js'
import { signalAccepted } from './passkeys.js'
import { $, busy, introduce, load, say, takeFragment, time } from './page.js'
import { openRecoveryPanel, tellOfKit } from './recovery-panel.js'
import { forgetReturn } from './return.js'
import { noticed, takeLinked } from './scanned.js'
import { callSignedIn, hasBeenSignedIn, leave, onSignOut, session, sharedSession, signOut } from './session.js'
import { sayOnThisPage } from './texts.js'

sayOnThisPage(translated({
  kit_in_use: 'This kit is in use already, and no other one is good any more: the answer that said so was lost. Keep it, or make a new one in its place.',
  passkey_already_here: 'This device has a passkey for this account already, so none was added. You can sign in with that one.',
}))

/** Loads the credentials, shows them, and tells the browser which passkeys are good. */
async function refresh(here) {
  const [{ items: held }, waiting] = await Promise.all([
    callSignedIn('GET', '/auth/credentials'),
    waitingCredential(),
  ])
  const items = await Promise.all(held.map(withNumber))
  const { rpId } = here.application
  const signal = (credentials) => signalAccepted({ rpId, user: session(), credentials })
  showCards($('cards'), items, { refresh: () => refresh(here), signal, waiting })
  showHere(items)
  tellOfKit(items)
  tellOfFreshness(items, here)
  // Nothing here depends on it, and nothing waits for it: what is shown now is listened to next.
  signal(items)
  return items
}

/**
 * What was made with a code a short time ago changes nothing but itself (`credential_fresh`), which whoever is signed
 * in with it need not find out button by button.
 */
function tellOfFreshness(items, { freshness = 0 }) {
  const { createdBy, dateCreated } = items.find(({ credentialUuid }) => credentialUuid === session()?.credentialUuid) ?? {}
  const end = createdBy === 'code' ? Date.parse(dateCreated) + freshness * 1000 : 0
  const isFresh = serviceNow() < end
  $('fresh').hidden = !isFresh
  const { textContent: until } = time(new Date(end).toISOString())
  $('fresh').textContent = t(
    'The passkey that you are signed in with was added with a code a short time ago. Until {until} it can change nothing but itself. Use another device that you have had for longer, or come back then.',
    { until },
  )
  for (const button of document.querySelectorAll('[data-not-fresh]')) {
    button.disabled = isFresh
  }
}

/** A recovery kit with the number that is printed on it; one that nobody has named is called what it is. */
async function withNumber(credential) {
  if (credential.kind !== 'RecoveryKey') {
    return credential
  }
  const number = await numberOf(credential.credentialId)
  const name = credential.name === number ? t('Recovery kit') : credential.name
  return { ...credential, name, number }
}

async function begin() {
  takeLinked(takeFragment())
  forgetReturn()
  say(t('One moment…'))
  const user = await sharedSession()
  if (!user) {
    leave(hasBeenSignedIn() ? 'session_ended' : 'sign_in_first')
    return
  }
  $('user').textContent = user.username
  $('sign-out').addEventListener('click', () => busy($('sign-out'), t('Signing out…'), signOut))
  $('who').hidden = false
  onSignOut(() => leave('signed_out'))
  await load(t('Loading your credentials…'), async () => {
    const here = await introduce()
    await refresh(here)
    say('')
    openHerePanel({ refresh: () => refresh(here) })
    openRecoveryPanel(here, { refresh: () => refresh(here) })
    openCodePanel(here, { refresh: () => refresh(here) })
    // Only what listens is shown: a press on anything else would be lost. The panel below may have the focus then.
    $('code').hidden = false
    $('recovery').hidden = false
    $('credentials').hidden = false
    openGrantPanel(here)
    const credentialUuid = noticed()
    if (credentialUuid) {
      askToTakeAway($('cards'), credentialUuid)
    }
  })
}

begin()
