// Back to the application that sent somebody here to sign in, with the session.

import { forget, keep, kept } from './kept.js'
import { $, hostOf } from './page.js'
import { callSignedIn, forgetSession } from './session.js'

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
  keep(KEPT, wish, Date.now() + PATIENCE)
  history.replaceState(null, '', location.pathname)
}

function originOf(address) {
  try {
    return new URL(address).origin
  } catch {
    return undefined
  }
}

/**
 * Says where a sign-in leads back to, or answers why it does not: when the application does not list that place,
 * nobody goes there, and its name is not shown as if it were a good one. The service decides again when it is asked
 * for the way back.
 */
export function announceReturn({ returnOrigins }) {
  const wish = kept(KEPT)
  if (!wish) {
    return undefined
  }
  const origin = originOf(wish.returnTo)
  if (!returnOrigins.includes(origin)) {
    forget(KEPT)
    return 'return_not_allowed'
  }
  $('return').hidden = false
  $('return-where').textContent = hostOf(origin)
  return undefined
}

/** Whether a sign-in leads back somewhere. */
export const isReturning = () => kept(KEPT) !== undefined

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
