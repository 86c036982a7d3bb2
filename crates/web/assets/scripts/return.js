// Back to the application that sent somebody here to sign in, with the session.

import { forget, keep, kept } from './kept.js'
import { $, hostOf } from './page.js'
import { callSignedIn, forgetSession, session, signIn } from './session.js'

/** Where somebody wants to go back to, as this tab keeps it. */
const KEPT = 'return'

/** How long a wish to go back is kept in a tab, in milliseconds: whoever needs longer came for something else. */
const PATIENCE = 15 * 60_000

/** What the service answers to a wish that is not as it should be. */
const HOPELESS = ['invalid_field', 'origin_not_allowed', 'return_not_allowed']

/**
 * Takes up what the address asks for: `return_to`, with the `code_challenge` of its asker and any `state`. It is kept
 * in this tab, because a passkey may have to be added first, on another page.
 */
export function takeReturn() {
  const asked = new URLSearchParams(location.search)
  if (!asked.has('return_to')) {
    return
  }
  const wish = {
    returnTo: asked.get('return_to'),
    codeChallenge: asked.get('code_challenge') ?? '',
    state: asked.get('state') ?? undefined,
  }
  // What this tab cannot keep stays in the address, for when it is allowed to.
  if (keep(KEPT, wish, Date.now() + PATIENCE)) {
    history.replaceState(null, '', location.pathname)
  }
}

/** What the service takes (`ReturnTo`, `CodeChallenge` and `ReturnState` there). */
const MOST_OF_ADDRESS = 2048
const MOST_OF_STATE = 512
/** The base64url of 32 bytes, whose last symbol has two bits that are none of theirs. */
const CHALLENGE = /^[\w-]{42}[AEIMQUYcgkosw048]$/

const bytesOf = (text) => new TextEncoder().encode(text).length

function urlOf(address) {
  try {
    return new URL(address)
  } catch {
    return undefined
  }
}

/** Why nobody goes back as that wish says, if so. */
function refusalOf({ returnTo, codeChallenge, state = '' }, returnOrigins) {
  const url = urlOf(returnTo)
  if (!returnOrigins.includes(url?.origin)) {
    return 'return_not_allowed'
  }
  // A user name stands before the host, and other schemes before the origin that they have.
  const isOfOrigin = url.href.startsWith(`${url.origin}/`)
  const isPlain = isOfOrigin && !/[?#]/.test(url.href) && bytesOf(returnTo) <= MOST_OF_ADDRESS
  const isWhole = isPlain && CHALLENGE.test(codeChallenge) && bytesOf(state) <= MOST_OF_STATE
  return isWhole ? undefined : 'return_malformed'
}

/**
 * Says where a sign-in leads back to, or answers why it does not: when the application does not list that place, or
 * the wish is not as it must be, nobody goes there, and its name is not shown as if it were a good one. That is known
 * before anybody signs in; the service decides again when it is asked for the way back.
 */
export function announceReturn({ returnOrigins }) {
  const wish = kept(KEPT)
  if (!wish) {
    return undefined
  }
  const refused = refusalOf(wish, returnOrigins)
  if (refused) {
    forget(KEPT)
    return refused
  }
  $('return').hidden = false
  $('return-where').textContent = hostOf(urlOf(wish.returnTo).origin)
  return undefined
}

/** Who came for something else is not led back. */
export const forgetReturn = () => forget(KEPT)

/** Whether a sign-in leads back somewhere. */
export const isReturning = () => kept(KEPT) !== undefined

/** Whether this page has signed somebody in who has not gone on yet. */
let isStuck = false

/** Signs in and goes on. Who was signed in so already, and could not go on, is asked for no passkey again. */
export async function signInAndGoOn(here, options = {}) {
  const { username } = options
  const stuck = isStuck ? session() : undefined
  if (!stuck || (username && username !== stuck.username)) {
    await signIn(here, options)
    isStuck = true
  }
  await goOn()
  isStuck = false
}

/** Goes on after a sign-in: back to where somebody came from, or to the account. */
export async function goOn() {
  const wish = kept(KEPT)
  if (!wish) {
    location.assign('./account')
    return
  }
  let way
  try {
    way = await callSignedIn('POST', '/auth/session/code', { body: wish })
  } catch (error) {
    // A wish that cannot come true is not kept: who tries again stays here.
    if (HOPELESS.includes(error.code)) {
      forget(KEPT)
    }
    throw error
  }
  // The application has the session now. Going back in the history does not lead to this page.
  forget(KEPT)
  forgetSession()
  location.replace(way.returnTo)
}
