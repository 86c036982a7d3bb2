// The recovery kit of the signed-in user: whether there is one, and a new one in its place.

import { newKit } from './kit.js'
import { clearKit, showKit } from './kit-panel.js'
import { t } from './language.js'
import { $, announce, busy } from './page.js'
import { PromptError } from './passkeys.js'
import { act, callSignedIn, leave, session } from './session.js'

const PATH = '/auth/credentials'

let here
let reload

/** What makes a credential of the kit that is shown, until that is in use. */
let prove

/** Prepares the panel. `refresh` shows everything anew, and answers the credentials. */
export function openRecoveryPanel(application, { refresh }) {
  here = application
  reload = refresh
  for (const button of [$('recovery-make'), $('no-kit-make')]) {
    button.addEventListener('click', () => busy(button, t('Making your recovery kit…'), make))
  }
  $('recovery-use').addEventListener('click', () =>
    busy($('recovery-use'), t('Confirm with your passkey…'), putIntoUse),
  )
  $('recovery-discard').addEventListener('click', close)
  $('recovery-done').addEventListener('click', close)
}

/** Says so when there is no kit, or none that is active. */
export function tellOfKit(credentials) {
  const hasKit = credentials.some(({ isActive, kind }) => kind === 'RecoveryKey' && isActive)
  $('no-kit').hidden = hasKit
  $('recovery-some').hidden = !hasKit
  $('recovery-unused-some').hidden = !hasKit
  $('recovery-unused-none').hidden = hasKit
}

/** Which part of the panel is shown: `ask`, a kit that is `unused`, or one that is `used`. */
function show(part) {
  $('recovery-ask').hidden = part !== 'ask'
  // Another one would take the place of the one that is shown.
  $('no-kit-make').hidden = part !== 'ask'
  $('recovery-new').hidden = part === 'ask'
  $('recovery-unused').hidden = part !== 'unused'
  $('recovery-used').hidden = part !== 'used'
  $('recovery-use').hidden = part !== 'unused'
  $('recovery-discard').hidden = part !== 'unused'
  $('recovery-done').hidden = part !== 'used'
  $('recovery-title').focus()
}

/** A new kit is shown before anybody knows of it: the old one is good until the new one is kept. */
async function make() {
  const user = session()
  if (!user) {
    leave('session_ended')
    return
  }
  const made = await newKit(user.username)
  prove = made.prove
  showKit(made.kit, here)
  show('unused')
}

async function putIntoUse() {
  const challenge = await callSignedIn('POST', `${PATH}/init`, { body: { kind: 'RecoveryKey' } })
  const credential = await prove(challenge)
  try {
    await act('POST', PATH, {
      ...credential,
      challengeIdentifier: challenge.challengeIdentifier,
      replacesRecoveryKeys: true,
    })
  } catch (error) {
    // Nobody else has this id: it was put into use before, and the answer was lost.
    if (error.code !== 'credential_id_taken') {
      throw error
    }
  }
  prove = undefined
  show('used')
  const isOther = ({ credentialId, kind }) =>
    kind === 'RecoveryKey' && credentialId !== credential.credentialInfo.credId
  if ((await reload()).some(isOther)) {
    // A service of a release before takes no other one away.
    throw new PromptError('kit_beside_others')
  }
  announce(t('Your new recovery kit is in use, and earlier ones are of no use any more.'))
}

function close() {
  prove = undefined
  clearKit()
  show('ask')
}
