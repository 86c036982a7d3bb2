// "Approve a new device": what a place asks for that shows a code, and whether it gets one.

import { codeField } from './code-field.js'
import { followGranted, hasGranted } from './code-panel.js'
import { kindOf } from './kinds.js'
import { t } from './language.js'
import { PromptError } from './passkeys.js'
import { $, age, announce, busy, element, facts, hostOf, whereFrom } from './page.js'
import { BEFORE, forgetScanned, keepScanned, scanned } from './scanned.js'
import { act, callSignedIn } from './session.js'

const PATH = '/auth/credentials/code/request'

/** The code that is asked about, and what its place asked for, and when. */
let asked

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
    $('grant-code').value = code
    $('grant').scrollIntoView({ block: 'nearest' })
    $('grant-look').focus()
  }
}

async function look(code) {
  $('grant-question').hidden = true
  const found = await callSignedIn('POST', `${PATH}/find`, { body: { code } }).catch((error) => {
    if (error.code !== 'invalid_code') {
      throw error
    }
    forgetScanned()
    throw new PromptError('request_invalid', error)
  })
  keepScanned(code)
  $('grant-code').value = ''
  const { applicationName, credentialKind, dateRequested, numbers, origin, sameNetwork } = found
  asked = { code, credentialKind, dateRequested }
  const rows = [
    [t('Adds'), kindOf({ kind: credentialKind })],
    [t('For'), applicationName ?? t('Any application')],
    [t('On'), origin ? hostOf(origin) : t('An application without pages')],
    [t('From'), whereFrom(found)],
    [t('Asked'), age(dateRequested)],
  ]
  $('grant-facts').replaceChildren(...facts(rows))
  $('grant-program').hidden = credentialKind === 'Fido2'
  $('grant-near').hidden = !sameNetwork
  $('grant-far').hidden = sameNetwork
  $('grant-numbers').replaceChildren(
    ...numbers.map((number) => {
      const button = element('button', { type: 'button' }, String(number))
      button.onclick = () => busy(button, t('Confirm with your passkey…'), () => grant(number))
      return button
    }),
  )
  $('grant-question').hidden = false
  $('grant-question').scrollIntoView({ block: 'nearest' })
  $('grant-question-title').focus()
}

/** What is granted is a code of mine, and is followed as any other. Code and number are signed. */
async function grant(number) {
  await decideOrTell(() => act('POST', `${PATH}/grant`, { code: asked.code, number }))
  close()
  followGranted()
}

/**
 * Ends the request, so that the device need not wait and nobody else can approve it. Nothing is signed: it gives
 * nothing.
 */
async function refuse() {
  await decideOrTell(() => callSignedIn('POST', `${PATH}/refuse`, { body: { code: asked.code } }))
  close()
  announce(t('The device was refused, and its code has ended. Nothing was added to your account.'))
}

/**
 * Decides about the device. What can be decided no more is over: what came of it is said, since its answer may be
 * lost.
 */
async function decideOrTell(work) {
  try {
    await work()
  } catch (error) {
    if (error.code === 'wrong_number') {
      close()
      throw new PromptError('request_refused', error)
    }
    if (error.code !== 'invalid_code') {
      throw error
    }
    const isGranted = await hasGranted(asked)
    close()
    if (isGranted) {
      followGranted()
    }
    throw new PromptError(isGranted ? 'request_granted' : 'request_over', error)
  }
}

/** Nothing is asked any more. Until then a page that is loaded anew has the code. */
function close() {
  forgetScanned()
  $('grant-question').hidden = true
  $('grant-code').value = ''
  $('grant-title').focus()
}
