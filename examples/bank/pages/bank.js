// The page of the bank. It calls Latchkey, where its origin is registered, for everything about passkeys, and
// the bank for everything else.

// A code that brings somebody back is taken out of the address before anything else is done.
const codeInAddress = new URLSearchParams(location.search).get('code')
history.replaceState(null, '', location.pathname)

const { latchkey, pages } = await (await fetch('/settings')).json()
const $ = (id) => document.getElementById(id)

/** A call of Latchkey or the bank; answers the body, or throws what went wrong. */
async function call(method, url, { body, token, userAction } = {}) {
  const headers = { 'content-type': 'application/json' }
  if (token) headers.authorization = `Bearer ${token}`
  if (userAction) headers['x-dfns-useraction'] = userAction
  const answer = await fetch(url, { method, headers, body: body && JSON.stringify(body) })
  const told = await answer.json().catch(() => undefined)
  if (!answer.ok) throw new Error(told?.message ?? `${answer.status} ${answer.statusText}`)
  return told
}

const ask = (method, path, options) => call(method, latchkey + path, options)

// Bytes are base64url on the wire.
const text = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
const bytes = (text) =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (one) => one.charCodeAt(0))
const known = (list) => list.map(({ type, id }) => ({ type, id: bytes(id) }))

/** A new passkey that answers a challenge. */
async function create(challenge) {
  const { id, response } = await navigator.credentials.create({
    publicKey: {
      attestation: challenge.attestation,
      authenticatorSelection: challenge.authenticatorSelection,
      challenge: bytes(challenge.challenge),
      excludeCredentials: known(challenge.excludeCredentials),
      pubKeyCredParams: challenge.pubKeyCredParams,
      rp: challenge.rp,
      user: { ...challenge.user, id: new TextEncoder().encode(challenge.user.id) },
    },
  })
  return {
    credentialKind: 'Fido2',
    credentialInfo: {
      credId: id,
      clientData: text(response.clientDataJSON),
      attestationData: text(response.attestationObject),
    },
  }
}

/** A challenge signed with a passkey, as sign-ins and user actions are completed. */
async function sign({ challenge, challengeIdentifier, allowCredentials, rp, userVerification }) {
  const { id, response } = await navigator.credentials.get({
    publicKey: {
      allowCredentials: known(allowCredentials.webauthn),
      challenge: bytes(challenge),
      rpId: rp.id,
      userVerification,
    },
  })
  const credentialAssertion = {
    credId: id,
    clientData: text(response.clientDataJSON),
    authenticatorData: text(response.authenticatorData),
    signature: text(response.signature),
    userHandle: response.userHandle ? text(response.userHandle) : undefined,
  }
  return { challengeIdentifier, firstFactor: { kind: 'Fido2', credentialAssertion } }
}

// The first passkey, with the code of an invitation.
async function register({ username, code }) {
  const { organization } = await ask('GET', '/auth/application')
  const challenge = await ask('POST', '/auth/registration/init', {
    body: { orgId: organization.id, username, registrationCode: code },
  })
  await ask('POST', '/auth/registration', {
    token: challenge.temporaryAuthenticationToken,
    body: { firstFactorCredential: await create(challenge) },
  })
  return 'You are registered. Now sign in.'
}

let session

// The passkey says who signs in.
async function signIn() {
  const { organization } = await ask('GET', '/auth/application')
  const challenge = await ask('POST', '/auth/login/init', { body: { orgId: organization.id } })
  const { token } = await ask('POST', '/auth/login', { body: await sign(challenge) })
  session = token
  await refresh()
  return 'You are signed in.'
}

// The pages of Latchkey sign people in too. What comes back is a code, which is good for who has the verifier.
async function signInThere() {
  const verifier = text(crypto.getRandomValues(new Uint8Array(32)))
  sessionStorage.setItem('verifier', verifier)
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))
  const query = { return_to: `${location.origin}/`, code_challenge: text(digest) }
  location.assign(`${pages}/?${new URLSearchParams(query)}`)
  return 'On the way to sign in.'
}

async function comeBack() {
  const verifier = sessionStorage.getItem('verifier')
  sessionStorage.removeItem('verifier')
  if (!codeInAddress || !verifier) return 'Ready.'
  const body = { code: codeInAddress, codeVerifier: verifier }
  const { token } = await ask('POST', '/auth/session/code/exchange', { body })
  session = token
  await refresh()
  return 'You are signed in.'
}

/** A user action for exactly one request, of the bank or of Latchkey. */
async function agree(method, path, body) {
  const challenge = await ask('POST', '/auth/action/init', {
    token: session,
    body: {
      userActionHttpMethod: method,
      userActionHttpPath: path,
      userActionPayload: JSON.stringify(body),
    },
  })
  const { userAction } = await ask('POST', '/auth/action', {
    token: session,
    body: await sign(challenge),
  })
  return userAction
}

async function transfer({ to, amount }) {
  const body = { to, amount: Number(amount) }
  const userAction = await agree('POST', '/transfers', body)
  await call('POST', '/transfers', { token: session, userAction, body })
  await refresh()
  return `${to} has got it.`
}

// A passkey for another device: the code is shown here, and entered there.
async function getCode() {
  const body = { expiration: new Date(Date.now() + 50_000).toISOString() }
  const userAction = await agree('POST', '/auth/credentials/code', body)
  const { code } = await ask('POST', '/auth/credentials/code', { token: session, userAction, body })
  $('one-time-code').value = code
  return 'Enter the code on the other device within a minute.'
}

async function enrol({ code }) {
  const challenge = await ask('POST', '/auth/credentials/code/init', {
    body: { credentialKind: 'Fido2', code },
  })
  await ask('POST', '/auth/credentials/code/verify', {
    body: {
      ...(await create(challenge)),
      challengeIdentifier: challenge.challengeIdentifier,
      credentialName: 'Another device',
    },
  })
  return 'The passkey is added. Now sign in.'
}

async function signOut() {
  await ask('PUT', '/auth/logout', { token: session, body: {} })
  session = undefined
  await refresh()
  return 'You are signed out.'
}

/** Shows what the bank knows of whoever is signed in. */
async function refresh() {
  $('inside').hidden = !session
  $('outside').hidden = Boolean(session)
  if (session) {
    const { username, balance } = await call('GET', '/balance', { token: session })
    $('username').textContent = username
    $('balance').textContent = balance
  }
}

const actions = {
  register,
  'sign-in': signIn,
  'sign-in-there': signInThere,
  enrol,
  transfer,
  code: getCode,
  'sign-out': signOut,
}
for (const [id, act] of Object.entries(actions)) {
  $(id).addEventListener('submit', async (event) => {
    event.preventDefault()
    try {
      $('status').textContent = await act(Object.fromEntries(new FormData(event.target)))
    } catch (error) {
      $('status').textContent = error.message
    }
  })
}
$('sign-in-there').hidden = !pages
$('status').textContent = await comeBack().catch((error) => error.message)
