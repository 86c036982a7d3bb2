// Passkeys: WebAuthn as the browser offers it, in the API's encodings.

import { base64url, fromBase64url, utf8 } from './encoding.js'

/** What the browser or the person did instead of answering a prompt; `code` is what texts.js goes by. */
export class PromptError extends Error {
  constructor(code, cause) {
    super(code, { cause })
    this.code = code
  }
}

const CODES = {
  AbortError: 'prompt_dismissed',
  ConstraintError: 'authenticator_unfit',
  InvalidStateError: 'passkey_already_here',
  NotAllowedError: 'prompt_dismissed',
  NotSupportedError: 'authenticator_unfit',
  SecurityError: 'wrong_domain',
}

/** A prompt may stay open for nearly as long as its challenge lives. */
const TIMEOUT = 4 * 60 * 1000

export function isSupported() {
  return typeof globalThis.PublicKeyCredential === 'function' && Boolean(navigator.credentials)
}

/** What the browser says that it can do (WebAuthn Level 3 §5.1.7); nothing where it does not say. */
async function capabilities() {
  try {
    return (await PublicKeyCredential.getClientCapabilities?.()) ?? {}
  } catch {
    return {}
  }
}

/** Whether the browser can offer passkeys where a user name is typed. */
export async function hasAutofill() {
  if (!isSupported()) {
    return false
  }
  const { conditionalGet } = await capabilities()
  return conditionalGet ?? (await PublicKeyCredential.isConditionalMediationAvailable?.()) ?? false
}

/** Whether the browser says that a passkey can be made with nothing but this device, or a phone beside it. */
export async function hasAuthenticator() {
  const { hybridTransport, passkeyPlatformAuthenticator } = await capabilities()
  return hybridTransport !== false || passkeyPlatformAuthenticator !== false
}

async function prompt(ask) {
  if (!isSupported()) {
    throw new PromptError('no_webauthn')
  }
  try {
    return await ask()
  } catch (error) {
    throw new PromptError(CODES[error.name] ?? 'prompt_failed', error)
  }
}

const descriptors = (list) =>
  (list ?? []).map(({ type, id, transports }) => ({ type, id: fromBase64url(id), transports }))

/** What the browser should show first: most people have come to use this device. */
const THIS_DEVICE = ['client-device']

/** A new passkey that answers the challenge, as the API takes it. */
export const create = async (challenge, options) => (await make(challenge, options)).passkey

/** Whether a passkey is built into this device; nothing where the browser does not say. */
const builtIn = ({ authenticatorAttachment }) =>
  authenticatorAttachment ? authenticatorAttachment === 'platform' : undefined

/** The same, with the domain that it is for and whether it is built in here; where that is asked for, it is. */
export async function make(challenge, { isHereAlone = false } = {}) {
  const authenticatorAttachment = isHereAlone ? 'platform' : undefined
  const credential = await prompt(() =>
    navigator.credentials.create({
      publicKey: {
        attestation: challenge.attestation,
        authenticatorSelection: { ...challenge.authenticatorSelection, authenticatorAttachment },
        challenge: fromBase64url(challenge.challenge),
        excludeCredentials: descriptors(challenge.excludeCredentials),
        hints: THIS_DEVICE,
        pubKeyCredParams: challenge.pubKeyCredParams,
        rp: challenge.rp,
        timeout: TIMEOUT,
        user: { ...challenge.user, id: utf8(challenge.user.id) },
      },
    }),
  )
  const passkey = {
    credentialKind: 'Fido2',
    credentialInfo: {
      credId: credential.id,
      clientData: base64url(credential.response.clientDataJSON),
      attestationData: base64url(credential.response.attestationObject),
      transports: credential.response.getTransports?.(),
    },
  }
  return { passkey, rpId: challenge.rp.id, isBuiltIn: builtIn(credential) }
}

/**
 * The challenge signed by a passkey, as the API takes it, and whether that one is built in here. `isHere` tells
 * whether the one that is wanted is known to be.
 */
export async function sign(challenge, { mediation, signal, isHere = false } = {}) {
  const credential = await prompt(() =>
    navigator.credentials.get({
      mediation,
      signal,
      publicKey: {
        allowCredentials: descriptors(challenge.allowCredentials.webauthn),
        challenge: fromBase64url(challenge.challenge),
        hints: isHere ? THIS_DEVICE : [],
        rpId: challenge.rp.id,
        timeout: TIMEOUT,
        userVerification: challenge.userVerification,
      },
    }),
  )
  const { response } = credential
  const userHandle = response.userHandle ? base64url(response.userHandle) : undefined
  const factor = {
    kind: 'Fido2',
    credentialAssertion: {
      credId: credential.id,
      clientData: base64url(response.clientDataJSON),
      authenticatorData: base64url(response.authenticatorData),
      signature: base64url(response.signature),
      userHandle,
    },
  }
  return { factor, isBuiltIn: builtIn(credential) }
}

/** Tells the browser something (WebAuthn Signal API). It is a courtesy: nothing here depends on it. */
async function tellBrowser(tell) {
  try {
    await tell(globalThis.PublicKeyCredential)
  } catch {
    // It does not listen, or does not understand.
  }
}

/**
 * Tells the browser that a passkey, as it was made here, opens nothing, so that it is offered no more. Of any other
 * the API does not tell a stranger whether it exists, and a wrong signal would hide a good one: the service must have
 * said of this very one that it did not come about, or is gone.
 */
export const signalVoid = ({ passkey, rpId }) =>
  tellBrowser((api) => api?.signalUnknownCredential?.({ rpId, credentialId: passkey.credentialInfo.credId }))

/**
 * Tells the browser which passkeys of this domain are still good, and what the user is called, so that it can hide the
 * others.
 */
export async function signalAccepted({ rpId, user, credentials }) {
  const userId = base64url(utf8(user.userId))
  const ids = credentials
    .filter(({ kind, relyingPartyId }) => kind === 'Fido2' && relyingPartyId === rpId)
    .map(({ credentialId }) => credentialId.replaceAll('=', ''))
  const { username } = user
  await tellBrowser(async (api) => {
    await api?.signalAllAcceptedCredentials?.({ rpId, userId, allAcceptedCredentialIds: ids })
    await api?.signalCurrentUserDetails?.({ rpId, userId, name: username, displayName: username })
  })
}
