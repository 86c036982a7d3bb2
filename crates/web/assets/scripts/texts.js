// What people read when something goes wrong: what it is, and what to do next.

import { ApiError, Unreachable } from './api.js'
import { seconds, t, translated } from './language.js'

const TEXTS = translated({
  // Of what is typed, before it is sent.
  code_cut_off: 'This is not the whole code. Copy all of it, or open the link or the QR code that it is in.',
  code_length: 'A code has nine letters and digits, and this one has more or fewer. Compare it with where you got it.',
  code_missing: 'Enter the code first.',
  code_symbols:
    'A code has letters and digits alone, and none of I, O, 0 and 1, which are easily confused. Compare it with where you got it.',

  // Of the browser and the person before it.
  authenticator_unfit:
    'This device cannot make the kind of passkey that is needed. Try another device, or a security key with a PIN.',
  kit_beside_others:
    'Your new recovery kit is in use, but an earlier one is not gone. Delete it below, and keep the new one.',
  nothing_is_kept:
    'This browser keeps nothing for this site, so nobody can be signed in here. Allow it to keep data of this site (often called cookies), or make room for that, and sign in again.',
  no_passkey_here:
    'There is no passkey of yours for this site. Sign in where you have one, add one here with a code, and try again.',
  no_webauthn:
    'This browser cannot use passkeys. Open this page in a current version of Chrome, Edge, Firefox or Safari.',
  passkey_already_here:
    'This device already has a passkey for this account: nothing needs to be added. Go to the sign-in page and use it.',
  prompt_dismissed: 'The prompt was closed before it was answered. Nothing has changed: try again.',
  prompt_failed: 'The browser could not use a passkey. Try again; if it stays so, try another browser.',
  return_malformed:
    'Whoever sent you here did not ask as they should, so nobody can be sent back: if you sign in, you stay here. Tell whoever runs that application.',
  unreachable: 'The service cannot be reached. Check your connection and try again.',
  wrong_domain:
    'The browser does not allow passkeys of this application on this address. Open the address you were given.',

  // Of the API, by its code.
  application_not_found: 'No application is registered for this address. Check the address and try again.',
  approval_token_invalid:
    'The passkey that you made here waited for too long, or its page was changed. Look in your account whether it is there, or begin again with a new code.',
  challenge_invalid:
    'This took too long, or something has changed in the meantime. Load the page again and retry.',
  code_requests_off: 'Codes are not shown here any more. Get one where you are signed in, and enter it here.',
  code_not_found: 'There is no code. Get one first.',
  credential_fresh:
    'The passkey that you are using was added with a code a short time ago, so it cannot do this yet. Use another device that you have had for longer, or try again later.',
  credential_id_taken:
    'This passkey is registered already: nothing needs to be added. Go to the sign-in page and use it.',
  credential_not_found: 'This credential is gone already. Load the page again to see what there is.',
  credential_waits:
    'This passkey waits for your approval, so it can be deleted and nothing else. Approve it with the number that is shown where it was made.',
  decided_already:
    'This can be decided no more: it was decided already, the passkey has waited for too long, or a newer code has taken its place. If it was approved, it is among your credentials below.',
  factor_refused: 'The passkey was not accepted. Try again, or use another passkey.',
  internal: 'Something went wrong in the service. Try again in a moment.',
  invalid_code:
    'This code is not valid here: it may be mistyped, used already, older than a minute, or for another application. Get a new code on your other device and enter it here.',
  invalid_expiration: 'The prompt was open for too long. Try again, and answer it within a minute.',
  invalid_field:
    'Something cannot be right in what was entered here, or in the link that led here. Check it, or open the link again where you got it.',
  kind_not_allowed:
    'A passkey of this kind cannot be used here. Begin again, and use a passkey or your recovery kit where it is asked for.',
  last_credential: 'This is your last way to sign in. Add another passkey first; then it can be removed.',
  name_malformed:
    'This cannot be a name: it has characters in it that show nothing, or it is too long. Type another one.',
  no_application: 'No application is registered for this address. Check the address and try again.',
  no_usable_credential:
    'No passkey of this account works here. If you have one on another device, get a code there and choose “I have a code”.',
  not_permitted: 'Only an administrator of your organization can do this. Ask one of them.',
  not_offered: 'This service does not offer that. Ask whoever runs it.',
  not_ready: 'The service is starting or its database does not answer. Try again in a moment.',
  origin_not_allowed: 'This address does not belong to the application of your account. Open the address you were given.',
  other_network:
    'The device that shows this code is in a different network from yours, and can be approved or refused from its own one only. If it is in front of you, connect to that one and try again. If it is not, leave it: its code ends by itself.',
  proof_refused: 'The new passkey was not accepted. Begin again, or try another device.',
  request_granted:
    'The device seems to have been approved already. What has become of that is under “Add a passkey somewhere else”: if you do not want it, cancel the code there, or delete the passkey.',
  request_invalid:
    'No device shows this code, or not any more: it may be mistyped, or older than two minutes. Let the device show a new one.',
  request_over:
    'The code of the device had ended already: its time was over, or it was decided before. Nothing was added to your account. If the device is yours, let it show a new code.',
  request_refused:
    'That is not the number on the device, so it was refused, and nothing was added. If you were using it yourself, let it show a new code. If you were not, somebody wanted to get into your account: tell whoever runs this service.',
  return_not_allowed:
    'Whoever sent you here wants you to go on at an address that is not of this application. Nobody is sent there: if you sign in, you stay here.',
  too_many_credentials: 'There are 100 credentials, which is the most allowed. Delete one that you no longer need.',
  unavailable: 'The service cannot answer at present. Try again in a moment.',
  username_malformed: 'This cannot be a user name. Check how it is spelled, or copy it from where you got it.',
  user_action_invalid: 'The confirmation was not accepted. Try again.',
  wrong_number:
    'That is not the number where the passkey was made, so it was refused and is gone. If you were adding one yourself, begin again. If you were not, somebody else had your code: tell whoever runs this service.',
  user_action_used: 'This was confirmed and done already. Load the page again to see the result.',
})

/** Texts of one page that say more than the general ones. */
let special = {}

export function sayOnThisPage(texts) {
  special = texts
}

/** What is wrong when a member is at fault that people enter. */
const MALFORMED = { credentialName: 'name_malformed', name: 'name_malformed', username: 'username_malformed' }

function codeOf(error) {
  if (typeof error === 'string') {
    return error
  }
  if (error instanceof Unreachable) {
    return 'unreachable'
  }
  const { code, field } = error
  return (code === 'invalid_field' && MALFORMED[field]) || code
}

/**
 * What to read about the error, or about a code. What a service says to programs is in its log, for whoever runs it.
 */
export function explain(error) {
  const code = codeOf(error)
  if (code === 'too_many_attempts') {
    return error.retryAfter
      ? t('There were too many attempts. Try again in {time}.', { time: seconds(error.retryAfter) })
      : t('There were too many attempts. Try again in a minute.')
  }
  const text = special[code] ?? TEXTS[code]
  if (text) {
    return text
  }
  if (!(error instanceof ApiError && error.requestId)) {
    return t('This did not work. Load the page again and retry.')
  }
  return t(
    'This did not work. Load the page again and retry. If it stays so, tell whoever runs this service: its log has the reason, under {requestId}.',
    error,
  )
}
