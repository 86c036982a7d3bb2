// The recovery kit of the signed-in user: whether there is one, and a new one in its place.

import { newKit } from './kit.js'
import { clearKit, putKitIntoUse, showKit, tellWayBack } from './kit-panel.js'
import { t } from './language.js'
import { $, announce, busy, still } from './page.js'
import { PromptError } from './passkeys.js'
import { act, callSignedIn, leave, session } from './session.js'
import { forgetUnkept, isUnkept, noteUnkept, onUnkept } from './unkept.js'

const PATH = '/auth/credentials'

let here
let refreshAccount

/** What makes a credential of the kit that is shown, until that is in use. */
let prove

/** The kits that are in use. */
let kits = []

/** The credential id of the kit that is shown, once it was sent; and whether it was among those in use by then. */
let sentId
let wasThere = false

/** Whether another tab may show a kit that nobody has kept yet: then there is none to be made. */
let mayBeShown = true

/** Prepares the panel. `refresh` shows everything anew, and answers the credentials. */
export function openRecoveryPanel(application, { refresh }) {
  here = application
  refreshAccount = refresh
  tellWayBack(session()?.username ?? '')
  for (const button of [$('recovery-make'), $('no-kit-make')]) {
    button.addEventListener('click', () => busy(button, t('Making your recovery kit…'), make))
  }
  $('no-kit-have').addEventListener('click', () => {
    kits.forEach(forgetUnkept)
    show('ask')
    $('recovery-title').focus()
  })
  $('recovery-use').addEventListener('click', () =>
    busy($('recovery-use'), t('Confirm with your passkey…'), putIntoUse),
  )
  $('recovery-discard').addEventListener('click', () => busy($('recovery-discard'), t('One moment…'), discard))
  $('recovery-done').addEventListener('click', close)
  onUnkept(() => {
    mayBeShown = false
    show(part)
  })
}

/** Says so when there is no kit, none that is active, or none that anybody has kept. */
export function tellOfKit(credentials) {
  kits = credentials.filter(({ isActive, kind }) => kind === 'RecoveryKey' && isActive)
  const isThere = kits.some(({ credentialId }) => credentialId.replaceAll('=', '') === sentId)
  // Whoever takes it away below does not keep it. A list from before it was in use does not have it yet.
  const isGone = wasThere && !isThere
  wasThere = isThere
  if (isGone) {
    clear()
  } else {
    show(isThere ? 'used' : part)
  }
}

/** Which part of the panel is shown: `ask`, a kit that is `unused`, or one that is `used`. */
let part = 'ask'

function show(shown) {
  part = shown
  if (part === 'used') {
    putKitIntoUse()
  }
  const hasKit = kits.length > 0
  const isSeen = hasKit && (mayBeShown || !kits.every(isUnkept))
  // As long as a new one is shown, that is what there is to do.
  $('no-kit').hidden = isSeen || part !== 'ask'
  $('no-kit-none').hidden = hasKit
  $('no-kit-unkept').hidden = !hasKit
  $('no-kit-have').hidden = !hasKit
  $('recovery-some').hidden = !hasKit
  // Which one is good is not known of one that was sent.
  $('recovery-unused-some').hidden = !hasKit || sentId !== undefined
  $('recovery-unused-none').hidden = hasKit || sentId !== undefined
  for (const button of [$('recovery-make'), $('no-kit-make')]) {
    button.textContent = hasKit ? t('Make a new recovery kit') : t('Make a recovery kit')
  }
  $('recovery-ask').hidden = part !== 'ask'
  $('recovery-new').hidden = part === 'ask'
  $('recovery-unused').hidden = part !== 'unused'
  $('recovery-used').hidden = part !== 'used'
  $('recovery-use').hidden = part !== 'unused'
  $('recovery-discard').hidden = part !== 'unused'
  $('recovery-done').hidden = part !== 'used'
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
  showKit(made.kit, here, { isUsed: false })
  show('unused')
  $('recovery').scrollIntoView({ block: 'nearest' })
  $('recovery-title').focus()
}

async function putIntoUse() {
  const challenge = await callSignedIn('POST', `${PATH}/init`, { body: { kind: 'RecoveryKey' } })
  const credential = await prove(challenge)
  const { credId } = credential.credentialInfo
  const kit = { credentialId: credId }
  const sentBefore = sentId
  noteUnkept(kit)
  sentId = credId
  try {
    await act('POST', PATH, {
      ...credential,
      challengeIdentifier: challenge.challengeIdentifier,
      replacesRecoveryKeys: true,
    })
  } catch (error) {
    // Nobody else has this id: it was put into use before, and the answer was lost.
    if (error.code !== 'credential_id_taken') {
      // What nobody has signed was not sent.
      sentId = error instanceof PromptError ? sentBefore : credId
      still(() => show('unused'))
      throw error
    }
  }
  // Its owner says that it is kept, and those that it took the place of are gone, seen or not.
  for (const known of [kit, ...kits]) {
    forgetUnkept(known)
  }
  prove = undefined
  show('used')
  $('recovery-title').focus()
  const isOther = ({ credentialId, kind }) => kind === 'RecoveryKey' && credentialId !== credId
  if ((await refreshAccount()).some(isOther)) {
    // A service of a release before takes no other one away.
    throw new PromptError('kit_beside_others')
  }
  announce(t('Your new recovery kit is in use, and earlier ones are of no use any more.'))
}

/**
 * Whoever does not want it is told when it is in use already: the answer that said so may have been lost. If it is
 * not, it stays noted all the same, since what was sent may arrive late.
 */
async function discard() {
  if (sentId) {
    await refreshAccount()
    if (part === 'used') {
      $('recovery-title').focus()
      throw new PromptError('kit_in_use')
    }
  }
  close()
}

function close() {
  clear()
  $('recovery-title').focus()
}

/** Shows no kit any more. */
function clear() {
  prove = undefined
  sentId = undefined
  wasThere = false
  clearKit()
  show('ask')
}
