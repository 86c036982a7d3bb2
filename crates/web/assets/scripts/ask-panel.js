// "Show a code here instead": this place asks for a code, and shows what is needed to grant it elsewhere.

import { call, serviceNow } from './api.js'
import { askUntil, pause } from './asking.js'
import { forget, keep, kept } from './kept.js'
import { draw } from './kit-panel.js'
import { t } from './language.js'
import { $, addressOf, show, timeLeft } from './page.js'
import { requestLink } from './scanned.js'

const PATH = '/auth/credentials/code/request'

/** What this tab has asked for, so that a page that is loaded anew goes on with it. */
const KEPT = 'ask'

/** Counts what was asked for: whoever asks anew, or stops, ends the waiting before. */
let turn = 0

/** Whether this tab was waiting when the page was loaded anew. */
export const isAsking = () => kept(KEPT) !== undefined

export function stopAsking() {
  turn += 1
  forget(KEPT)
}

/** Asks for a code, or goes on with what was asked for, and shows it. */
export async function openRequest(here) {
  turn += 1
  const asked =
    kept(KEPT) ??
    (await call('POST', PATH, { body: { credentialKind: 'Fido2', orgId: here.organization.id } }))
  keep(KEPT, asked, Date.now() + Date.parse(asked.expiration) - serviceNow())
  reveal(asked, here)
  return asked
}

/**
 * Waits until somebody decides. Answers the code when it is granted, else what has become of the request: `{ code }`
 * or `{ state }`; nothing when the waiting was ended here. What was granted is kept until `stopAsking`, because the
 * code has yet to be used.
 */
export async function awaitGrant({ expiration, interval, longCode }) {
  const own = turn
  const until = Date.parse(expiration)
  const every = interval * 1000
  // Who has stopped the waiting meanwhile is answered nothing.
  const ask = async () => (own === turn ? call('POST', `${PATH}/status`, { body: { longCode } }) : {})
  for (;;) {
    $('ask-left').textContent = t('{time} left', { time: timeLeft(until) })
    await pause(every)
    if (own !== turn) {
      return undefined
    }
    const told = await askUntil(ask, { every, until }).catch((error) => ({ error }))
    if (own !== turn) {
      return undefined
    }
    if (told.state === 'Granted') {
      return { code: longCode }
    }
    if (told.state !== 'Waiting') {
      stopAsking()
      if (told.error) {
        throw told.error
      }
      return { state: told.state }
    }
  }
}

/**
 * Shows the code, and a page where it is entered. Whoever comes to add a passkey for this application has one for
 * another, so that one's account is named; the picture leads to the one here, which leads on to all of them.
 */
function reveal({ code, number }, { application, applications }) {
  const here = addressOf('account')
  const other = applications.find(({ id, accountUrl }) => accountUrl && id !== application.id)
  const { host, pathname } = other ? new URL(other.accountUrl) : here
  $('ask-where').textContent = host + pathname
  $('ask-code').textContent = code
  $('ask-number').textContent = number
  draw($('ask-picture'), requestLink(here, code))
  show('ask')
}

