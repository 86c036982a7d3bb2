// The page: it calls Latchkey by the published client, and its own server for the notes.

import { DfnsApiClient, DfnsAuthenticator } from '@dfns/sdk'
import { WebAuthnSigner } from '@dfns/sdk-browser'

type Fields = Record<string, string>

const $ = (id: string) => document.getElementById(id) as HTMLElement

const { latchkey: baseUrl } = (await (await fetch('/settings')).json()) as { latchkey: string }
const place = await fetch(`${baseUrl}/auth/application`)
const { organization } = (await place.json()) as { organization: { id: string } }
const orgId = organization.id

const signer = new WebAuthnSigner({ relyingParty: { id: location.hostname, name: 'Notes' } })
const authenticator = new DfnsAuthenticator({ baseUrl, orgId, signer })

let session: string | undefined

/** Latchkey, for whoever is signed in; it has whatever needs it signed by a passkey. */
const client = () => new DfnsApiClient({ baseUrl, orgId, signer, authToken: session })

// The first passkey, with the code of an invitation.
async function register({ username, code }: Fields) {
  await authenticator.register({ orgId, username, registrationCode: code })
  return 'You are registered. Now sign in.'
}

async function signIn({ username }: Fields) {
  const { token } = await authenticator.login({ orgId, username })
  session = token
  await refresh()
  return 'You are signed in.'
}

/** A call of our own server. */
async function call(method: 'GET' | 'POST', body?: unknown, userAction?: string) {
  const headers: Record<string, string> = { authorization: `Bearer ${session}` }
  if (userAction) {
    headers['x-dfns-useraction'] = userAction
  }
  const text = body === undefined ? undefined : JSON.stringify(body)
  const answer = await fetch('/notes', { method, headers, body: text })
  if (!answer.ok) {
    throw new Error(`${answer.status} ${answer.statusText}`)
  }
  return (await answer.json()) as { notes: string[] }
}

// The user signs exactly the request that follows.
async function note({ text }: Fields) {
  const body = { text }
  const { auth } = client()
  const challenge = await auth.createUserActionChallenge({
    body: {
      userActionHttpMethod: 'POST',
      userActionHttpPath: '/notes',
      userActionPayload: JSON.stringify(body),
      userActionServerKind: 'Api',
    },
  })
  const { challengeIdentifier } = challenge
  const firstFactor = await signer.sign(challenge)
  const { userAction } = await auth.createUserActionSignature({
    body: { challengeIdentifier, firstFactor },
  })
  show(await call('POST', body, userAction))
  return 'It is kept.'
}

// A passkey for another device: the code is shown here, and entered there. The client signs by itself.
async function getCode() {
  const expiration = new Date(Date.now() + 50_000).toISOString()
  const { code } = await client().auth.createCredentialCode({ body: { expiration } })
  $('one-time-code').textContent = code
  return 'Enter the code on the other device within a minute.'
}

async function enrol({ code }: Fields) {
  const { auth } = new DfnsApiClient({ baseUrl, orgId, signer })
  const challenge = await auth.createCredentialChallengeWithCode({
    body: { credentialKind: 'Fido2', code },
  })
  if (challenge.kind !== 'Fido2') {
    throw new Error('that is no passkey')
  }
  await auth.createCredentialWithCode({
    body: {
      ...(await signer.create(challenge)),
      challengeIdentifier: challenge.challengeIdentifier,
      credentialName: 'Another device',
    },
  })
  return 'The passkey is added. Now sign in.'
}

async function signOut() {
  await client().auth.logout()
  session = undefined
  await refresh()
  return 'You are signed out.'
}

async function refresh() {
  $('inside').hidden = !session
  $('outside').hidden = Boolean(session)
  if (session) {
    show(await call('GET'))
  }
}

function show({ notes }: { notes: string[] }) {
  const items = notes.map((text) => {
    const item = document.createElement('li')
    item.textContent = text
    return item
  })
  $('notes').replaceChildren(...items)
}

const actions: Record<string, (fields: Fields) => Promise<string>> = {
  register,
  'sign-in': signIn,
  enrol,
  note,
  code: getCode,
  'sign-out': signOut,
}
for (const [id, act] of Object.entries(actions)) {
  $(id).addEventListener('submit', async (event) => {
    event.preventDefault()
    const fields = Object.fromEntries(new FormData(event.target as HTMLFormElement)) as Fields
    try {
      $('status').textContent = await act(fields)
    } catch (error) {
      $('status').textContent = (error as Error).message
    }
  })
}
$('status').textContent = 'Ready.'
