// Who is signed in, in the tabs of this browser, and what they sign.
//
// A session rests in tabs alone. A tab that has none asks the others for theirs, which only pages of this origin can;
// whoever signs out in one tab is signed out in all of them, in those too that are not there to hear of it.

import { ApiError, call } from './api.js'
import { fromBase64url } from './encoding.js'
import { forget, hold, key, read, write } from './kept.js'
import { PromptError, sign } from './passkeys.js'

const STORED = 'session'
const NOTICE = 'notice'

/** Which session was signed out last in this browser: no secret, and kept for all tabs. */
const SIGNED_OUT = 'signed-out'

const signedOutLast = () => read('localStorage', SIGNED_OUT) ?? ''

const claimsOf = (token) => JSON.parse(new TextDecoder().decode(fromBase64url(token.split('.')[1])))

/** Whether somebody has signed out since that session began in a tab. */
const isOver = ({ after = '' }) => after !== signedOutLast()

/** What this tab has: a token, whether its passkey is built in, and which session had been signed out last by then. */
const stored = () => read('sessionStorage', STORED)

function store(begun) {
  const isStored = write('sessionStorage', STORED, begun)
  offer()
  return isStored
}

/**
 * The session of this tab, if there is one: its token, what the token says of the user, and whether the
 * passkey that began it is built into this device.
 */
export function session() {
  const { token, isBuiltIn } = stored() ?? {}
  const claims = token && claimsOf(token)
  if (!claims || claims.exp * 1000 <= Date.now()) {
    return undefined
  }
  return {
    token,
    isBuiltIn,
    userId: claims.sub,
    username: claims['https://custom/username'],
    credentialUuid: claims.credential,
  }
}

/** The token that the service was asked about last, and knew. */
let known

/**
 * The session of this tab, unless the service says that it has ended: it may be over without having expired. Where it
 * cannot say so, it counts as it is.
 */
export async function liveSession() {
  const { token } = session() ?? {}
  if (token && token !== known) {
    try {
      await call('GET', '/auth/credentials', { token })
      known = token
    } catch (error) {
      if (error.code === 'not_authorized') {
        giveNoMore(token)
        // Meanwhile another one may have begun here; where none has, another tab may have one.
        if (stored()?.token === token) {
          forgetSession()
          askTabs()
        }
      }
    }
  }
  return session()
}

/** Whether there was a session in this tab that nobody ended here; it may have expired. */
export const hasBeenSignedIn = () => stored() !== undefined

/** What tabs speak by, and what one holds as long as it has a session to give. */
const CHANNEL = 'tabs'
const OFFERED = 'session-offered'

/** How long an account is not shown while a tab that has one may give it, in milliseconds: one that sleeps does not. */
const PATIENCE = 2000

/** What this page is called while it asks. */
const OWN = crypto.randomUUID()

let whenGiven = () => {}

const tabs = globalThis.BroadcastChannel && new BroadcastChannel(key(CHANNEL))
tabs?.addEventListener('message', ({ data: { answers, asks, ended, given } }) => {
  if (asks && session()) {
    tabs.postMessage({ answers: asks, given: stored() })
  }
  // Its tab may not have heard yet that somebody has signed out.
  if (answers === OWN && !isOver(given) && !session()) {
    store(given)
    whenGiven()
  }
  if (ended && ended === stored()?.token) {
    forgetSession()
  }
})

/** No tab is to give a session to another one that the service does not know any more. */
const giveNoMore = (token) => tabs?.postMessage({ ended: token })

let withdraw

/** Says to the other tabs, until it expires, that there is a session to be had here. */
function offer() {
  withdraw?.()
  const begun = session()
  if (!begun) {
    return
  }
  withdraw = hold(OFFERED)
  setTimeout(withdraw, claimsOf(begun.token).exp * 1000 - Date.now())
}

/** Asks the other tabs for a session when this one has none. Answers whether one of them has any to give. */
async function askTabs() {
  if (session() || !tabs) {
    return false
  }
  const { held = [] } = (await navigator.locks?.query().catch(() => undefined)) ?? {}
  const isOffered = held.some(({ name }) => name === key(OFFERED))
  if (isOffered) {
    tabs.postMessage({ asks: OWN })
  }
  return isOffered
}

/** The session of this tab; when it has none, that of another one, which becomes its own. */
export async function sharedSession() {
  const given = new Promise((resolve) => (whenGiven = resolve))
  if (await askTabs()) {
    await Promise.race([given, new Promise((wake) => setTimeout(wake, PATIENCE))])
  }
  return session()
}

/** Says what to do when another tab gives its session, however late; it is asked whenever this one is looked at. */
export function onSharedSession(work) {
  whenGiven = work
  askTabs()
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') {
      askTabs()
    }
  })
}

/** Ends the session of this tab when somebody has signed out in another one. Answers whether that was so. */
function heed() {
  const begun = stored()
  if (!begun || !isOver(begun)) {
    return false
  }
  const { token } = begun
  forgetSession()
  if (claimsOf(token).jti !== signedOutLast()) {
    // It was another session: nobody has ended that one yet. If it cannot be ended now, it expires.
    call('PUT', '/auth/logout', { body: {}, token, keepalive: true }).catch(() => {})
  }
  return true
}

let whenSignedOut = () => {}
addEventListener('storage', (change) => {
  if (change.key === key(SIGNED_OUT) && heed()) {
    whenSignedOut()
  }
})

/** Says what to do when somebody signs out in another tab while this one is signed in. */
export function onSignOut(work) {
  whenSignedOut = work
}

/** Signs in with a passkey of that user, or of anybody when no user is named. */
export async function signIn({ organization }, { username, mediation, signal } = {}) {
  const challenge = await call('POST', '/auth/login/init', {
    body: { orgId: organization.id, username },
  })
  if (username && challenge.allowCredentials.webauthn.length === 0) {
    // With an empty list the browser would offer passkeys of other users.
    throw new PromptError('no_passkey_here')
  }
  const { factor, isBuiltIn } = await sign(challenge, { mediation, signal })
  const { token } = await call('POST', '/auth/login', {
    body: { challengeIdentifier: challenge.challengeIdentifier, firstFactor: factor },
  })
  if (!beginSession(token, isBuiltIn)) {
    throw new PromptError('nothing_is_kept')
  }
}

/** Begins a session that was given for a passkey, which may be built in here; answers whether the tab could keep it. */
export const beginSession = (token, isBuiltIn) => store({ token, isBuiltIn, after: signedOutLast() })

/** Whether somebody signs out here: whatever is refused meanwhile is so for that. */
let isSigningOut = false

/** Signs out, in every tab of this browser. */
export async function signOut() {
  const { token } = session() ?? {}
  isSigningOut = true
  try {
    await callSignedIn('PUT', '/auth/logout', { body: {} })
  } catch (error) {
    isSigningOut = false
    throw error
  }
  write('localStorage', SIGNED_OUT, claimsOf(token).jti)
  leave('signed_out')
}

/** Keeps nothing of the session in this tab, nor a code that was issued in it. */
export function forgetSession() {
  forget(STORED)
  withdraw?.()
  forget('code')
}

/** Ends the session in this tab and shows the first page, with a notice of texts.js. */
export function leave(notice) {
  forgetSession()
  if (notice) {
    write('sessionStorage', NOTICE, notice)
  }
  location.assign('./')
}

/** The notice that the page before left, once. */
export function takeNotice() {
  const notice = read('sessionStorage', NOTICE)
  forget(NOTICE)
  return notice
}

/** Never settles: the page is on its way out. */
const gone = () => new Promise(() => {})

/** A call of the signed-in user; whoever is not signed in any more is shown the first page. */
export async function callSignedIn(method, path, options) {
  const { token } = session() ?? {}
  if (!token) {
    leave(isSigningOut ? 'signed_out' : 'session_ended')
    return gone()
  }
  try {
    return await call(method, path, { ...options, token })
  } catch (error) {
    if (error instanceof ApiError && error.code === 'not_authorized') {
      giveNoMore(token)
      leave(isSigningOut ? 'signed_out' : 'session_ended')
      return gone()
    }
    throw error
  }
}

/** A change: the signed-in user signs exactly this call with a passkey, then it is made. */
export async function act(method, path, body) {
  const challenge = await callSignedIn('POST', '/auth/action/init', {
    body: {
      userActionHttpMethod: method,
      userActionHttpPath: path,
      userActionPayload: body === undefined ? '' : JSON.stringify(body),
    },
  })
  if (challenge.allowCredentials.webauthn.length === 0) {
    throw new PromptError('no_passkey_here')
  }
  const { factor } = await sign(challenge, { isHere: session()?.isBuiltIn })
  const { userAction } = await callSignedIn('POST', '/auth/action', {
    body: { challengeIdentifier: challenge.challengeIdentifier, firstFactor: factor },
  })
  return callSignedIn(method, path, { body, userAction })
}

// A page that the browser has kept as it was, and shows again, has what was on it: an account, or a kit.
addEventListener('pageshow', ({ persisted }) => persisted && location.reload())

heed()
offer()
