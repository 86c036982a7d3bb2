// "A passkey on this device": for whoever has signed in with one that is kept elsewhere.

import { nameHere, nameOfThisDevice, untaken } from './device.js'
import { keep, kept } from './kept.js'
import { t } from './language.js'
import { create, isSupported } from './passkeys.js'
import { $, announce, busy, say } from './page.js'
import { act, callSignedIn, session } from './session.js'

const PATH = '/auth/credentials'

/** The passkey that was added here, as this tab keeps it. */
const KEPT = 'here'

/** For how long, in milliseconds: no session lives longer. */
const DAY = 24 * 60 * 60_000

/** What the credentials of the account are called. */
let names = []

/**
 * Shows the panel to whoever has signed in with a passkey that is elsewhere, as the browser says, unless there is one
 * on this device as far as is known; there may be one all the same.
 */
export function showHere(credentials) {
  names = credentials.map(({ name }) => name)
  const added = kept(KEPT)
  const isThere = credentials.some(({ credentialUuid, isActive }) => isActive && credentialUuid === added)
  $('here').hidden = isThere || !isSupported() || session()?.isBuiltIn !== false
}

/** Prepares the panel. `refresh` loads and shows everything anew. */
export function openHerePanel({ refresh }) {
  $('here-add').addEventListener('click', () =>
    busy($('here-add'), t('Answer the prompt of your browser…'), async () => {
      await add(refresh)
      announce(t('There is a passkey on this device now.'))
      $('credentials-title').focus()
    }),
  )
}

/** Makes the passkey first, because exactly that one is then signed for, with the one of the session. */
async function add(refresh) {
  const challenge = await callSignedIn('POST', `${PATH}/init`, { body: { kind: 'Fido2' } })
  const passkey = await create(challenge, { isHereAlone: true })
  const { challengeIdentifier, rp } = challenge
  const usual = nameOfThisDevice()
  const credentialName = names.includes(usual) ? untaken(nameHere(rp.id), names) : usual
  say(t('Now confirm with the passkey that you signed in with…'))
  try {
    const { credentialUuid } = await act('POST', PATH, { ...passkey, challengeIdentifier, credentialName })
    keep(KEPT, credentialUuid, Date.now() + DAY)
  } finally {
    // One that was not confirmed is of no use: the browser is told so.
    await refresh()
  }
}
