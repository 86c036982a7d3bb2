// Who is signed in, in this tab, and what they sign.

import { ApiError, call } from './api.js'
import { fromBase64url } from './encoding.js'
import { forget } from './kept.js'
import { PromptError, sign } from './passkeys.js'

const STORED = 'latchkey.session'
const NOTICE = 'latchkey.notice'

/**
 * The session of this tab, if there is one: its token, what the token says of the user, and whether the
 * passkey that began it is built into this device.
 */
export function session() {
  const stored = sessionStorage.getItem(STORED)
  if (!stored) {
    return undefined
  }
  const { token, isBuiltIn } = JSON.parse(stored)
  const claims = JSON.parse(new TextDecoder().decode(fromBase64url(token.split('.')[1])))
  if (claims.exp * 1000 <= Date.now()) {
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

/** Whether there was a session in this tab that nobody ended here; it may have expired. */
export const hasBeenSignedIn = () => sessionStorage.getItem(STORED) !== null

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
  beginSession(token, isBuiltIn)
}

/** Begins a session that was given for a passkey, which may be built in here. */
export function beginSession(token, isBuiltIn) {
  sessionStorage.setItem(STORED, JSON.stringify({ token, isBuiltIn }))
}

/** Keeps nothing of the session in this tab, nor a code that was issued in it. */
export function forgetSession() {
  sessionStorage.removeItem(STORED)
  forget('code')
}

/** Ends the session in this tab and shows the first page, with a notice of texts.js. */
export function leave(notice) {
  forgetSession()
  if (notice) {
    sessionStorage.setItem(NOTICE, notice)
  }
  location.assign('./')
}

/** The notice that the page before left, once. */
export function takeNotice() {
  const notice = sessionStorage.getItem(NOTICE)
  sessionStorage.removeItem(NOTICE)
  return notice
}

/** Never settles: the page is on its way out. */
const gone = () => new Promise(() => {})

/** A call of the signed-in user; whoever is not signed in any more is shown the first page. */
export async function callSignedIn(method, path, options) {
  const { token } = session() ?? {}
  if (!token) {
    leave('session_ended')
    return gone()
  }
  try {
    return await call(method, path, { ...options, token })
  } catch (error) {
    if (error instanceof ApiError && error.code === 'not_authorized') {
      leave('session_ended')
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
