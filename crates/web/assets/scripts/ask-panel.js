// "Show a code here instead": this place asks for a code, and shows what is needed to grant it elsewhere.

import { Unreachable, call, serviceNow } from './api.js'
import { forget, keep, kept } from './kept.js'
import { draw } from './kit-panel.js'
import { t } from './language.js'
import { $, addressOf, say, show } from './page.js'
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
 * or `{ state }`; nothing when the waiting was ended here.
 */
export async function awaitGrant(asked) {
  const own = turn
  for (;;) {
    showLeft(Date.parse(asked.expiration))
    await new Promise((wake) => setTimeout(wake, asked.interval * 1000))
    const state = own === turn ? await ask(asked) : undefined
    if (own !== turn) {
      return undefined
    }
    if (state !== 'Waiting') {
      stopAsking()
      return state === 'Granted' ? { code: asked.longCode } : { state }
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

function showLeft(end) {
  const seconds = Math.max(Math.ceil((end - serviceNow()) / 1000), 0)
  const left = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
  $('ask-left').textContent = t('{time} left', { time: left })
}

/** A connection that is gone for a moment does not end the waiting. */
async function ask({ longCode }) {
  try {
    const { state } = await call('POST', `${PATH}/status`, { body: { longCode } })
    say('')
    return state
  } catch (error) {
    if (!(error instanceof Unreachable)) {
      stopAsking()
      throw error
    }
    say(t('The service cannot be reached; still trying.'))
    return 'Waiting'
  }
}
