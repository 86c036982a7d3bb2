// One call of each method that Latchkey offers, by its name in the published clients, with what must
// have been done before. What comes of the calls is tested elsewhere; here their answers must be of the
// declared types.

import { KeyPair } from '../support/key-pair.js'
import {
  Person,
  apiClient,
  inSeconds,
  invite,
  mailedCode,
  newUsername,
  orgId,
  stranger,
} from '../support/latchkey.js'

/** A body that answers `challenge` with a new key. */
function newCredential(challenge, credentialName = 'second') {
  const { challengeIdentifier } = challenge
  return { ...new KeyPair().create(challenge), credentialName, challengeIdentifier }
}

/** What completes a ceremony of a factor. */
export async function signed(challenge, key) {
  return {
    challengeIdentifier: challenge.challengeIdentifier,
    firstFactor: await key.signer().sign(challenge),
  }
}

/** A second credential of the person. */
async function second(person) {
  const challenge = await person.client.auth.createCredentialChallenge({ body: { kind: 'Key' } })
  return person.client.auth.createCredential({ body: newCredential(challenge) })
}

/** Gives the person a key whose private half is kept: only who has one is mailed a login code. */
async function addPasswordProtectedKey(person) {
  const kind = 'PasswordProtectedKey'
  const challenge = await person.client.auth.createCredentialChallenge({ body: { kind } })
  const { challengeIdentifier } = challenge
  await person.client.auth.createCredential({
    body: {
      ...new KeyPair().create(challenge, kind),
      encryptedPrivateKey: 'an encrypted private key',
      credentialName: 'protected',
      challengeIdentifier,
    },
  })
}

/** Somebody who has registered with a recovery key too. */
async function recoverable() {
  const { username, registrationCode } = await invite()
  const challenge = await stranger.auth.createRegistrationChallenge({
    body: { orgId, username, registrationCode },
  })
  const recoveryKey = new KeyPair()
  const { auth } = apiClient({ orgId, authToken: challenge.temporaryAuthenticationToken })
  await auth.register({
    body: {
      firstFactorCredential: new KeyPair().create(challenge),
      recoveryCredential: {
        ...recoveryKey.create(challenge, 'RecoveryKey'),
        encryptedPrivateKey: 'an encrypted private key',
      },
    },
  })
  return { username, recoveryKey }
}

/** The request for the challenge that recovers the account. */
async function recoveryRequest({ username, recoveryKey }) {
  await stranger.auth.sendRecoveryCode({ body: { orgId, username } })
  const verificationCode = await mailedCode(username, 'RecoveryCode')
  return { body: { orgId, username, verificationCode, credentialId: recoveryKey.credId } }
}

/** A user of the organization that the person administrates. */
async function colleague(person) {
  await person.becomeAdministrator()
  return invite()
}

export const someAction = () => ({
  userActionPayload: '{}',
  userActionHttpMethod: 'POST',
  userActionHttpPath: '/wallets',
  userActionServerKind: 'Api',
})

/**
 * Each calls the method by `call(request)`; `as(token)` is the same with another token than the
 * person's.
 */
export const CALLS = {
  listCredentials: ({ call }) => call(),
  createCredentialChallenge: async ({ call }) => {
    for (const kind of ['Fido2', 'Key', 'PasswordProtectedKey', 'RecoveryKey']) {
      await call({ body: { kind } })
    }
  },
  createCredential: async ({ call, person }) => {
    const challenge = await person.client.auth.createCredentialChallenge({ body: { kind: 'Key' } })
    await call({ body: newCredential(challenge) })
  },
  activateCredential: async ({ call, person }) => {
    const { credentialUuid } = await second(person)
    await call({ body: { credentialUuid } })
  },
  deactivateCredential: async ({ call, person }) => {
    const { credentialUuid } = await second(person)
    await call({ body: { credentialUuid } })
  },
  createCredentialCode: ({ call }) => call({ body: { expiration: inSeconds(50).toISOString() } }),
  createCredentialChallengeWithCode: async ({ call, person }) => {
    for (const credentialKind of ['Fido2', 'Key', 'PasswordProtectedKey', 'RecoveryKey']) {
      await call({ body: { credentialKind, code: await person.code() } })
    }
  },
  createCredentialWithCode: async ({ call, person }) => {
    const challenge = await stranger.auth.createCredentialChallengeWithCode({
      body: { credentialKind: 'Key', code: await person.code() },
    })
    await call({ body: newCredential(challenge) })
  },
  createRegistrationChallenge: async ({ call }) => {
    const { username, registrationCode } = await invite()
    await call({ body: { orgId, username, registrationCode } })
  },
  register: async ({ as }) => {
    const { username, registrationCode } = await invite()
    const challenge = await stranger.auth.createRegistrationChallenge({
      body: { orgId, username, registrationCode },
    })
    const firstFactorCredential = new KeyPair().create(challenge)
    const recoveryCredential = new KeyPair().create(challenge, 'RecoveryKey')
    const call = as(challenge.temporaryAuthenticationToken)
    await call({ body: { firstFactorCredential, recoveryCredential } })
  },
  resendRegistrationCode: async ({ call }) => {
    const { username } = await invite()
    await call({ body: { orgId, username } })
  },
  createLoginChallenge: async ({ call, person }) => {
    const { username } = person
    await call({ body: { orgId, username } })
    await addPasswordProtectedKey(person)
    await stranger.auth.sendLoginCode({ body: { orgId, username } })
    const loginCode = await mailedCode(username, 'LoginCode')
    await call({ body: { orgId, username, loginCode } })
  },
  login: async ({ call, person }) => {
    const { username, key } = person
    const challenge = await stranger.auth.createLoginChallenge({ body: { orgId, username } })
    await call({ body: await signed(challenge, key) })
  },
  sendLoginCode: ({ call, person }) => call({ body: { orgId, username: person.username } }),
  logout: async ({ call }) => {
    await call({ body: {} })
  },
  createUserActionChallenge: ({ call }) => call({ body: someAction() }),
  createUserActionSignature: async ({ call, person }) => {
    const challenge = await person.client.auth.createUserActionChallenge({ body: someAction() })
    await call({ body: await signed(challenge, person.key) })
  },
  sendRecoveryCode: ({ call, person }) => call({ body: { orgId, username: person.username } }),
  createRecoveryChallenge: async ({ call }) => call(await recoveryRequest(await recoverable())),
  recover: async ({ as }) => {
    const account = await recoverable()
    const challenge = await stranger.auth.createRecoveryChallenge(await recoveryRequest(account))
    const newCredentials = { firstFactorCredential: new KeyPair().create(challenge) }
    const call = as(challenge.temporaryAuthenticationToken)
    const recovery = account.recoveryKey.recover(newCredentials)
    await call({ body: { recovery, newCredentials } })
  },
  createUser: async ({ call, person }) => {
    await person.becomeAdministrator()
    await call({ body: { email: newUsername(), kind: 'CustomerEmployee' } })
  },
  getUser: async ({ call, person }) => {
    const { userId } = await colleague(person)
    await call({ userId })
  },
  listUsers: async ({ call, person }) => {
    await colleague(person)
    const { nextPageToken } = await call({ query: { limit: 1, kind: 'CustomerEmployee' } })
    await call({ query: { limit: 200, paginationToken: nextPageToken } })
  },
  updateUser: async ({ call, person }) => {
    const { userId } = await colleague(person)
    await call({ userId, body: { isSSORequired: false } })
  },
  deactivateUser: async ({ call, person }) => {
    const { userId } = await colleague(person)
    await call({ userId })
  },
  activateUser: async ({ call, person }) => {
    const { userId } = await colleague(person)
    await call({ userId })
  },
  archiveUser: async ({ call, person }) => {
    const { userId } = await colleague(person)
    await call({ userId })
  },
}

/** Older names of the same. */
export const ALIASES = {
  listUserCredentials: 'listCredentials',
  createUserCredentialChallenge: 'createCredentialChallenge',
  createUserCredential: 'createCredential',
  createUserRegistration: 'register',
  createUserActionSignatureChallenge: 'createUserActionChallenge',
  createUserRecovery: 'recover',
}
