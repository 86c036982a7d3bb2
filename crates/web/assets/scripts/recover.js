// `/recover`: back into an account with the mailbox and the recovery kit.

import { call } from './api.js'
import { codeField, refuse } from './code-field.js'
import { nameOfThisDevice } from './device.js'
import { forget, keep, kept } from './kept.js'
import { KitError, makeKit, openKit, signRecovery, tidyCode, tidyNumber } from './kit.js'
import { goOnFromKit, readKit, showKit, tellWayBack } from './kit-panel.js'
import { t, translated } from './language.js'
import { make } from './passkeys.js'
import { $, busy, complain, hintAtSecurityKeys, introduce, say, show, speakOf, takeFragment } from './page.js'
import { signInAndGoOn } from './return.js'
import { hasPasskey, inMemory, sendOnce } from './sent.js'
import { sayOnThisPage } from './texts.js'

sayOnThisPage(translated({
  challenge_invalid: 'This took too long. Have another code sent and begin again.',
  invalid_code:
    'The code from the mail, the user name or the kit number is not right; or the code was used already or is older than ten minutes, or the kit was deleted or replaced by a newer one. Check them, use your newest kit, or have another code sent.',
  kit_code_malformed: 'The kit code is incomplete or mistyped. It begins with D1 and has 32 letters and digits more.',
  kit_code_wrong: 'The kit code does not fit this kit number and user name. Check all three.',
  kit_file_foreign: 'This file is no recovery kit. Choose the one that you saved, or type what is printed on yours.',
  kit_of_another: 'This is the recovery kit of another user name than the one you entered. Choose your own, or have a code sent for that user name.',
  kit_number_malformed:
    'The kit number is incomplete or mistyped. It has 8 letters and digits; on an older kit it has 43, of which small and capital ones differ.',
  kit_unknown: 'There is no recovery kit with this number in this account. Check the number, or have another code sent and use your newest kit.',
  recovery_credential_refused:
    'No kit with this number is in use in this account: it was deleted or replaced by a newer one, or the number is mistyped. Use your newest kit; if you have no other, ask your administrator.',
}))

let here

/**
 * Who recovers, as this tab keeps it once a code is there, and what that was good for: a page that is loaded anew goes
 * on from there. The kit code is kept nowhere.
 */
const KEPT = 'recovery'

/** How long a mailed code is good, in milliseconds. */
const CODE = 10 * 60_000

/** What the mailed code was good for; it stays so until it is used or expires, whatever is mistyped. */
let begun

/** The mailed code becomes a challenge, and with it comes what the service keeps of the kit. */
async function begin(kit) {
  const { mailed, number, username } = kit
  if (begun?.number === number && begun.mailed === mailed && begun.username === username) {
    return begun.challenge
  }
  const challenge = await call('POST', '/auth/recover/user/init', {
    body: {
      credentialId: number,
      orgId: here.organization.id,
      username,
      verificationCode: mailed,
    },
  })
  begun = { challenge, mailed, number, username }
  keep(KEPT, { username, number, begun }, Date.now() + CODE)
  return challenge
}

/** The new kit, once it is in use. */
let newKit

/** Where the new passkey and the new kit are until an answer says what came of them. */
const PLACE = inMemory()

/** The old kit's key. Kits of these pages are made with the user name as it is kept, others with what was typed. */
const opened = (kit, { user }, encrypted) =>
  openKit({ ...kit, username: user.name }, encrypted).catch(() => openKit(kit, encrypted))

/** The new passkey and the new kit, signed with the old one, as they are sent. */
async function makeBoth(kit) {
  const challenge = await begin(kit)
  const [old] = challenge.allowedRecoveryCredentials
  if (!old) {
    throw new KitError('kit_unknown')
  }
  const privateKey = await opened(kit, challenge, old.encryptedRecoveryKey)
  const made = await make(challenge)
  say(t('Making your new recovery kit…'))
  const { kit: replacement, credential } = await makeKit(challenge)
  const newCredentials = {
    firstFactorCredential: { ...made.passkey, credentialName: nameOfThisDevice() },
    recoveryCredential: credential,
  }
  const recovery = await signRecovery(privateKey, old.id, newCredentials)
  const body = { recovery, newCredentials }
  return { ...made, token: challenge.temporaryAuthenticationToken, body, kit: replacement }
}

/** Puts a new passkey and a new kit in the place of all there was, and answers the kit. */
async function recover(kit) {
  const { sent } = await sendOnce(PLACE, {
    make: () => makeBoth(kit),
    send: ({ token, body }) => call('POST', '/auth/recover/user', { token, body }),
    outcome: async ({ passkey }) => (await hasPasskey(here, kit.username, passkey)) || undefined,
  })
  forget(KEPT)
  return sent.kit
}

/** Asks for the code and the kit; the code is on its way, or it was sent before. */
function askForKit({ isSent }) {
  $('sent').hidden = !isSent
  $('sent-before').hidden = isSent
  tellWayBack($('username').value)
  show('use')
  $('mailed').focus()
}

/** The same for whoever has entered a user name now. */
function goOn(way) {
  keep(KEPT, { username: $('username').value, number: $('number').value }, Date.now() + CODE)
  askForKit(way)
}

/** Why a saved kit is not the one that is wanted, if it is not. */
function whyNot({ code, number, username }) {
  if (!code || !number) {
    return 'kit_file_foreign'
  }
  const plain = (name) => name.normalize('NFC').trim().toLowerCase()
  const isOwn = !username || plain(username) === plain($('username').value)
  return isOwn ? undefined : 'kit_of_another'
}

function start() {
  introduce().then((found) => (here = found), complain)
  const fragment = takeFragment()
  const link = new URLSearchParams(fragment)
  const earlier = fragment ? undefined : kept(KEPT)
  $('username').value = link.get('username') ?? earlier?.username ?? ''
  // Older kits lead here with the credential id.
  $('number').value = link.get('number') ?? link.get('credentialId') ?? earlier?.number ?? ''
  if (earlier) {
    begun = earlier.begun
    $('mailed').value = begun?.mailed ?? ''
  }

  $('ask').addEventListener('submit', (event) => {
    event.preventDefault()
    busy($('ask-button'), t('Asking for a code…'), async () => {
      here ??= await introduce()
      await call('POST', '/auth/recover/user/code', {
        body: { orgId: here.organization.id, username: $('username').value.trim() },
      })
      goOn({ isSent: true })
    })
  })
  $('have-button').addEventListener('click', () => {
    if ($('username').reportValidity()) {
      goOn({ isSent: false })
    }
  })
  $('back').addEventListener('click', () => {
    forget(KEPT)
    show('ask')
  })
  $('kit-file').addEventListener('change', async () => {
    const [file] = $('kit-file').files
    if (!file) {
      return
    }
    const kit = readKit(await file.text())
    const refused = whyNot(kit)
    // What another file said before is not of this one, nor what was wrong with it.
    $('number').value = refused ? '' : kit.number
    $('recovery-code').value = refused ? '' : kit.code
    $('number').ariaInvalid = null
    $('recovery-code').ariaInvalid = null
    speakOf($('kit-file'))
    complain(refused)
    if (refused) {
      $('kit-file').value = ''
    }
  })
  const withMailed = codeField($('mailed'), { hasShort: true })
  $('use').addEventListener('submit', (event) => {
    event.preventDefault()
    const use = async (mailed) => {
      here ??= await introduce()
      const kit = {
        code: tidyCode($('recovery-code').value),
        number: tidyNumber($('number').value),
        mailed,
        username: $('username').value.trim(),
      }
      newKit = await recover(kit)
      showKit(newKit, here)
      show('kit')
    }
    busy($('use-button'), t('Answer the prompt of your browser…'), () =>
      withMailed(use).catch((error) => {
        if (['kit_code_malformed', 'kit_code_wrong'].includes(error.code)) {
          refuse($('recovery-code'))
        }
        if (['kit_number_malformed', 'recovery_credential_refused'].includes(error.code)) {
          refuse($('number'))
        }
        throw error
      }),
    )
  })
  hintAtSecurityKeys()
  $('sign-in-button').addEventListener('click', () =>
    goOnFromKit(newKit, () =>
      busy($('sign-in-button'), t('Answer the prompt of your browser…'), () =>
        signInAndGoOn(here, { username: begun.challenge.user.name }),
      ),
    ),
  )
  if (earlier) {
    askForKit({ isSent: false })
  } else {
    show('ask')
  }
}

start()
