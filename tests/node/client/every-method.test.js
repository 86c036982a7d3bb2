// Every method of the published clients: called here, its answer checked against its declared type, or
// listed with the reason why Latchkey does not offer it, and then refused as documented.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { BaseAuthApi, DfnsApiClient, DfnsAuthenticator, DfnsDelegatedApiClient } from '@dfns/sdk'

import { KeyPair } from '../support/key-pair.js'
import {
  Person,
  apiClient,
  authenticator,
  baseUrl,
  delegatedClient,
  invite,
  orgId,
} from '../support/latchkey.js'
import { checked, methodsOf } from '../support/types.js'
import { ALIASES, CALLS, signed, someAction } from './calls.js'
import { ANY_REQUEST, NOT_OFFERED } from './not-offered.js'

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
