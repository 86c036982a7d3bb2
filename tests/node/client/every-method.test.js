// Every method of the published clients: called here, its answer checked against its declared type, or
// listed with the reason why Latchkey does not offer it, and then refused as documented.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'

import { BaseAuthApi, DfnsApiClient, DfnsAuthenticator, DfnsDelegatedApiClient } from '@dfns/sdk'

import { KeyPair } from '../support/key-pair.js'
import {
  Person,
  apiClient,
  authenticator,
  baseUrl,
  delegatedClient,
  inSeconds,
  invite,
  orgId,
  promote,
  stranger,
} from '../support/latchkey.js'
import { checked, methodsOf } from '../support/types.js'

/** A body that answers `challenge` with a new key. */
function newCredential(challenge, credentialName = 'second') {
  const { challengeIdentifier } = challenge
  return { ...new KeyPair().create(challenge), credentialName, challengeIdentifier }
}

/** What completes a ceremony of a factor. */
async function signed(challenge, key) {
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

const expiration = () => inSeconds(50).toISOString()

const someAction = () => ({
  userActionPayload: '{}',
  userActionHttpMethod: 'POST',
  userActionHttpPath: '/wallets',
  userActionServerKind: 'Api',
})

/**
 * What is called by name, in both clients: `call(request)` is the method under test. `as(token)` calls it
 * with another token than the person's.
 */
const CALLS = {
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
  createCredentialCode: ({ call }) => call({ body: { expiration: expiration() } }),
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
  createLoginChallenge: async ({ call, person }) => {
    await call({ body: { orgId, username: person.username } })
  },
  login: async ({ call, person }) => {
    const { username, key } = person
    const challenge = await stranger.auth.createLoginChallenge({ body: { orgId, username } })
    await call({ body: await signed(challenge, key) })
  },
  logout: async ({ call }) => {
    await call({ body: {} })
  },
  createUserActionChallenge: ({ call }) => call({ body: someAction() }),
  createUserActionSignature: async ({ call, person }) => {
    const challenge = await person.client.auth.createUserActionChallenge({ body: someAction() })
    await call({ body: await signed(challenge, person.key) })
  },
  listUsers: async ({ call, person }) => {
    await promote(person)
    const seen = []
    let paginationToken
    do {
      const page = await call({ query: { limit: 200, paginationToken } })
      seen.push(...page.items.map(({ userId }) => userId))
      paginationToken = page.nextPageToken
    } while (paginationToken)
    assert.ok(seen.includes(person.userId))
    assert.equal(new Set(seen).size, seen.length)
  },
  createUser: async ({ call, person }) => {
    await promote(person)
    const email = `${randomUUID()}@example.com`
    const made = await call({ body: { email, kind: 'CustomerEmployee', externalId: email } })
    assert.equal(made.username, email)
    assert.equal(made.isRegistered, false)
  },
  getUser: async ({ call, person }) => {
    await promote(person)
    const user = await call({ userId: person.userId })
    assert.equal(user.credentialUuid, person.registration.credential.uuid)
    assert.equal(user.orgId, orgId)
  },
  updateUser: async ({ call, person }) => {
    await promote(person)
    const { userId } = await invite()
    const user = await call({ userId, body: { isSSORequired: false } })
    assert.equal(user.userId, userId)
  },
  deactivateUser: async ({ call, person }) => {
    await promote(person)
    const other = await Person.signedIn()
    assert.equal((await call({ userId: other.userId })).isActive, false)
    await assert.rejects(other.client.auth.listCredentials(), { httpStatus: 401 })
  },
  activateUser: async ({ call, person }) => {
    await promote(person)
    const { userId } = await invite()
    await person.client.auth.deactivateUser({ userId })
    assert.equal((await call({ userId })).isActive, true)
  },
  archiveUser: async ({ call, person }) => {
    await promote(person)
    const { userId } = await invite()
    assert.equal((await call({ userId })).userId, userId)
    await assert.rejects(person.client.auth.getUser({ userId }), { httpStatus: 404 })
  },
}

/** Older names of the same. */
const ALIASES = {
  listUserCredentials: 'listCredentials',
  createUserCredentialChallenge: 'createCredentialChallenge',
  createUserCredential: 'createCredential',
  createUserRegistration: 'register',
  createUserActionSignatureChallenge: 'createUserActionChallenge',
}

const ACCESS_TOKENS = 'there are no access tokens and service accounts yet'
const SERVICE_ACCOUNTS = 'only service accounts may, and there are none yet'
const NO_SSO = 'other identity providers are not offered'
const MAIL = 'mail is not sent yet'
const RECOVERY = 'accounts are not recovered yet'

/** What is not offered, and why. */
const NOT_OFFERED = {
  activatePersonalAccessToken: ACCESS_TOKENS,
  archivePersonalAccessToken: ACCESS_TOKENS,
  createPersonalAccessToken: ACCESS_TOKENS,
  deactivatePersonalAccessToken: ACCESS_TOKENS,
  getPersonalAccessToken: ACCESS_TOKENS,
  listPersonalAccessTokens: ACCESS_TOKENS,
  updatePersonalAccessToken: ACCESS_TOKENS,
  activateServiceAccount: ACCESS_TOKENS,
  archiveServiceAccount: ACCESS_TOKENS,
  createServiceAccount: ACCESS_TOKENS,
  deactivateServiceAccount: ACCESS_TOKENS,
  getServiceAccount: ACCESS_TOKENS,
  listServiceAccounts: ACCESS_TOKENS,
  updateServiceAccount: ACCESS_TOKENS,
  createDelegatedRecoveryChallenge: SERVICE_ACCOUNTS,
  createDelegatedUserRecovery: SERVICE_ACCOUNTS,
  createDelegatedRegistrationChallenge: SERVICE_ACCOUNTS,
  createDelegatedUserRegistration: SERVICE_ACCOUNTS,
  delegatedLogin: SERVICE_ACCOUNTS,
  createDelegatedUserLogin: SERVICE_ACCOUNTS,
  createSocialRegistrationChallenge: NO_SSO,
  socialLogin: NO_SSO,
  ssoLogin: NO_SSO,
  ssoLoginInit: NO_SSO,
  registerEndUser: 'it makes wallets too, which are not the concern of a credential service',
  getAuditLog: 'the audit log cannot be read by the API yet',
  listAuditLogs: 'the audit log cannot be read by the API yet',
  getApplication: 'applications are managed by the command line',
  listApplications: 'applications are managed by the command line',
  resendRegistrationCode: MAIL,
  sendLoginCode: MAIL,
  sendRecoveryCode: MAIL,
  createRecoveryChallenge: RECOVERY,
  recover: RECOVERY,
  createUserRecovery: RECOVERY,
}

/** Enough of a request for any of the methods that are not offered. */
const ANY_REQUEST = {
  tokenId: 'to-aaaaa-bbbbb-cccccccccccccccc',
  serviceAccountId: 'us-aaaaa-bbbbb-cccccccccccccccc',
  userId: 'us-aaaaa-bbbbb-cccccccccccccccc',
  appId: 'ap-aaaaa-bbbbb-cccccccccccccccc',
  id: 'ch-aaaaa-bbbbb-cccccccccccccccc',
  body: {},
}

const CLIENTS = {
  AuthClient: {
    methods: DfnsApiClient,
    /** The method of a client with this token. */
    method: (person, name) => (token) => (request) =>
      apiClient({ orgId, authToken: token, signer: person.key.signer() }).auth[name](request),
  },
  DelegatedAuthClient: {
    methods: DfnsDelegatedApiClient,
    /** The method, or its two halves with a signature by the person's key between them. */
    method: (person, name) => (token) => async (request) => {
      const { auth } = delegatedClient({ orgId, authToken: token })
      if (auth[name]) {
        return auth[name](request)
      }
      const challenge = await auth[`${name}Init`](request)
      return auth[`${name}Complete`](request, await signed(challenge, person.key))
    },
  },
}

/** The methods of a class, as it is and not as it is declared. */
function methods(prototype) {
  return Object.getOwnPropertyNames(prototype).filter((name) => name !== 'constructor')
}

for (const [client, { methods: Client, method }] of Object.entries(CLIENTS)) {
  const { constructor } = new Client({ baseUrl }).auth
  const all = methods(constructor.prototype)
  const names = new Set(all.map((name) => name.replace(/(Init|Complete)$/, '')))
  // `ssoLoginInit` is a name of its own.
  names.add('ssoLoginInit')
  const somebody = await Person.signedIn()

  test(`${client}: every method is called or listed with a reason`, () => {
    assert.deepEqual([...methodsOf(client).keys()].sort(), [...all].sort())
    const known = [CALLS, ALIASES, NOT_OFFERED].flatMap(Object.keys)
    const aliases = client === 'AuthClient' ? [] : aliasesThatItLacks(names)
    assert.deepEqual([...names, ...aliases].sort(), known.sort())
  })

  for (const name of names) {
    const scenario = CALLS[ALIASES[name] ?? name]
    if (scenario) {
      test(`${client}.${name}`, async () => {
        const person = await Person.signedIn()
        const as = method(person, name)
        await scenario({ person, as, call: as(person.token) })
      })
    } else {
      test(`${client}.${name} is not offered`, async () => {
        const call = method(somebody, name)(somebody.token)
        await assert.rejects(call(ANY_REQUEST), (error) => {
          assert.equal(error.name, 'DfnsError', String(error))
          assert.equal(error.httpStatus, 404)
          assert.equal(error.context.body.error.code, 'not_offered')
          return true
        })
      })
    }
  }
}

/** The delegated client has fewer of the older names. */
function aliasesThatItLacks(names) {
  return [
    'createUserCredential',
    'createDelegatedUserRecovery',
    'createDelegatedUserRegistration',
    'createDelegatedUserLogin',
  ].filter((alias) => !names.has(alias))
}

test('BaseAuthApi: every method', async () => {
  const person = await Person.registered()
  const { username, key } = person
  const api = checked('BaseAuthApi', BaseAuthApi)
  const called = {
    async createUserRegistrationChallenge() {
      const { username, registrationCode } = await invite()
      const request = { orgId, username, registrationCode }
      this.registration = await api.createUserRegistrationChallenge(request, { baseUrl })
    },
    async createUserRegistration() {
      const firstFactorCredential = new KeyPair().create(this.registration)
      const authToken = this.registration.temporaryAuthenticationToken
      await api.createUserRegistration({ firstFactorCredential }, { baseUrl, orgId, authToken })
    },
    async createUserLoginChallenge() {
      this.challenge = await api.createUserLoginChallenge({ orgId, username }, { baseUrl })
    },
    async createUserLogin() {
      const { token } = await api.createUserLogin(await signed(this.challenge, key), { baseUrl })
      this.options = { baseUrl, orgId, authToken: token }
    },
    async createUserActionChallenge() {
      this.action = await api.createUserActionChallenge(someAction(), this.options)
    },
    async signUserActionChallenge() {
      await api.signUserActionChallenge(await signed(this.action, key), this.options)
    },
    async userLogout() {
      await api.userLogout(this.options)
    },
  }
  for (const [name, call] of Object.entries(called)) {
    await call.call(called)
    assert.ok(methodsOf('BaseAuthApi').has(name))
  }
  const isMethod = (name) => typeof BaseAuthApi[name] === 'function'
  const all = Object.getOwnPropertyNames(BaseAuthApi).filter(isMethod)
  // One is not static by mistake: it recovers an account.
  assert.deepEqual(methods(BaseAuthApi.prototype), ['createUserRecovery'])
  const names = Object.keys(called).filter((name) => typeof called[name] === 'function')
  assert.deepEqual(all.sort(), names.sort())
})

test('who is no administrator is told so in the words that clients know', async () => {
  const person = await Person.signedIn()
  await assert.rejects(person.client.auth.listUsers(), {
    name: 'DfnsError',
    httpStatus: 403,
    message: `CustomerEmployee ${person.userId} is not authorized to perform operation (Auth:Users:Read)`,
  })
})

test('DfnsAuthenticator: every method', async () => {
  const { username, registrationCode } = await invite()
  const signer = new KeyPair().signer()
  await authenticator({ orgId, signer }).register({ orgId, username, registrationCode })
  await authenticator({ orgId, signer }).login({ orgId, username })
  assert.deepEqual(methods(DfnsAuthenticator.prototype), ['login', 'register'])
})

test('an answer that is not of its type is found out', async () => {
  const check = methodsOf('AuthClient').get('listCredentials')
  const { items } = await (await Person.signedIn()).client.auth.listCredentials()
  assert.equal(check({ items }), undefined)
  for (const member of Object.keys(items[0])) {
    const { [member]: _, ...rest } = items[0]
    const isDeclared = check({ items: [rest] }) !== undefined
    assert.equal(isDeclared, DECLARED.includes(member), member)
  }
  assert.match(check({ items: [{ ...items[0], kind: 'Passkey' }] }), /kind/)
})

const DECLARED = [
  'kind',
  'credentialId',
  'credentialUuid',
  'dateCreated',
  'isActive',
  'name',
  'publicKey',
  'relyingPartyId',
  'origin',
]
