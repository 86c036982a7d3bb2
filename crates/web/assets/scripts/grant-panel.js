// "Approve a new device": what a place asks for that shows a code, and whether it gets one.

import { serviceNow } from './api.js'
import { codeField } from './code-field.js'
import { followGranted } from './code-panel.js'
import { kindOf } from './kinds.js'
import { ago, t } from './language.js'
import { PromptError } from './passkeys.js'
import { $, announce, busy, element, facts, hostOf } from './page.js'
import { BEFORE, forgetScanned, scanned } from './scanned.js'
import { act, callSignedIn } from './session.js'

const PATH = '/auth/credentials/code/request'

/** The code that is asked about. */
let asked

/** What the errors of codes mean here. */
const MEANINGS = { invalid_code: 'request_invalid', wrong_number: 'request_refused' }

/** Prepares the panel, where the organization lets places ask. Nothing is looked up before its button is pressed. */
export function openGrantPanel({ codeRequests }) {
  if (codeRequests === 'nowhere') {
    return
  }
  $('grant').hidden = false
  const withCode = codeField($('grant-code'), { hasShort: true, linked: BEFORE }, ['request_invalid'])
  $('grant-find').addEventListener('submit', (event) => {
    event.preventDefault()
    busy($('grant-look'), t('Looking the code up…'), () => withCode(look))
  })
  $('grant-no').addEventListener('click', () => busy($('grant-no'), t('Refusing the device…'), refuse))
  const code = scanned()
  if (code) {
    forgetScanned()
    $('grant-code').value = code
    $('grant').scrollIntoView({ block: 'nearest' })
    $('grant-look').focus()
  }
}

/** Does what a code is for; what is wrong with it is said in the words of this panel. */
async function told(work) {
  try {
    return await work()
  } catch (error) {
    const meaning = MEANINGS[error.code]
    throw meaning ? new PromptError(meaning, error) : error
  }
}

async function look(code) {
  $('grant-question').hidden = true
  const found = await told(() => callSignedIn('POST', `${PATH}/find`, { body: { code } }))
  asked = code
  $('grant-code').value = ''
  const { address, applicationName, credentialKind, dateRequested, numbers, origin, sameNetwork } = found
  const seconds = Math.max(Math.round((serviceNow() - Date.parse(dateRequested)) / 1000), 0)
  const rows = [
    [t('Adds'), kindOf({ kind: credentialKind })],
    [t('For'), applicationName ?? t('Any application')],
    [t('On'), origin ? hostOf(origin) : t('An application without pages')],
    [t('From'), address],
    [t('Asked'), ago(seconds)],
  ]
  $('grant-facts').replaceChildren(...facts(rows))
  $('grant-program').hidden = credentialKind === 'Fido2'
  $('grant-near').hidden = !sameNetwork
  $('grant-far').hidden = sameNetwork
  $('grant-numbers').replaceChildren(
    ...numbers.map((number) => {
      const button = element('button', { type: 'button' }, String(number))
      button.onclick = () => busy(button, t('Confirm with your passkey…'), () => grant(code, number))
      return button
    }),
  )
  $('grant-question').hidden = false
  $('grant-question').scrollIntoView({ block: 'nearest' })
  $('grant-question-title').focus()
}

/** What is granted is a code of mine, and is followed as any other. Code and number are signed. */
async function grant(code, number) {
  try {
    await told(() => act('POST', `${PATH}/grant`, { code, number }))
  } catch (error) {
    if (error.code === 'request_invalid' || error.code === 'request_refused') {
      close()
      $('grant-title').focus()
    }
    throw error
  }
  close()
  await followGranted()
}

/** Ends the request, so that the device need not wait and nobody else can approve it. Nothing is signed: it gives nothing. */
async function refuse() {
  let isOver = false
  try {
    await callSignedIn('POST', `${PATH}/refuse`, { body: { code: asked } })
  } catch (error) {
    isOver = error.code === 'invalid_code'
    if (!isOver) {
      throw error
    }
  }
  close()
  $('grant-title').focus()
  announce(
    isOver
      ? t('The code of the device had ended already, so there was nothing to refuse.')
      : t('The device was refused, and its code has ended. Nothing was added to your account.'),
  )
}

function close() {
  $('grant-question').hidden = true
  $('grant-code').value = ''
}
