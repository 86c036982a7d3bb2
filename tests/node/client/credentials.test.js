// What a signed-in user does with their credentials, by the published clients.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { DfnsApiClient } from '@dfns/sdk'

import { KeyPair } from '../support/key-pair.js'
import { Person, baseUrl, orgId, stranger, tokenFor } from '../support/latchkey.js'

/** A second key of the person, added while signed in. */
async function addKey(person, credentialName) {
  const key = new KeyPair()
  const challenge = await person.client.auth.createCredentialChallenge({ body: { kind: 'Key' } })
  const credential = await person.client.auth.createCredential({
    body: {
      ...key.create(challenge),
      credentialName,
      challengeIdentifier: challenge.challengeIdentifier,
    },
  })
  return { key, credential }
}

test('the list shows the first credential', async () => {
  const person = await Person.signedIn()
  const { items } = await person.client.auth.listCredentials()
  assert.equal(items.length, 1)
  const [credential] = items
  assert.equal(credential.kind, 'Key')
  assert.equal(credential.name, 'Default Credential')
  assert.equal(credential.credentialId, person.key.credId)
  assert.equal(credential.credentialUuid, person.registration.credential.uuid)
  assert.equal(credential.publicKey, person.key.fingerprint())
  assert.equal(credential.isActive, true)
  assert.match(credential.dateCreated, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
})

test('a signed-in user creates a credential, whatever its name is written in', async () => {
  const person = await Person.signedIn()
  const { key, credential } = await addKey(person, 'Zweitschlüssel – 二番 🔑')
  assert.equal(credential.name, 'Zweitschlüssel – 二番 🔑')
  assert.equal(credential.credentialId, key.credId)
  await person.signIn(key)
})

test('a deactivated credential does not sign in until it is activated again', async () => {
  const person = await Person.signedIn()
  const { key, credential } = await addKey(person, 'second')
  const body = { credentialUuid: credential.credentialUuid }
  const signer = key.signer()
  // The published signer refuses to sign when its key is not listed; this one signs all the same.
  const insistent = {
    sign: (challenge) =>
      signer.sign({ ...challenge, allowCredentials: { key: [{ id: key.credId }] } }),
  }

  assert.deepEqual(await person.client.auth.deactivateCredential({ body }), { message: 'success' })
  const { items } = await person.client.auth.listCredentials()
  assert.equal(items.find((item) => item.credentialId === key.credId).isActive, false)
  await assert.rejects(tokenFor(person.username, insistent), {
    name: 'DfnsError',
    httpStatus: 400,
    message: 'Challenge token is not valid.',
  })

  assert.deepEqual(await person.client.auth.activateCredential({ body }), { message: 'success' })
  await person.signIn(key)
})

test('the last credential cannot be deactivated', async () => {
  const person = await Person.signedIn()
  const { uuid } = person.registration.credential
  await assert.rejects(
    person.client.auth.deactivateCredential({ body: { credentialUuid: uuid } }),
    { name: 'DfnsError', httpStatus: 409 },
  )
})

test('a token belongs to its organization, as the option orgId wants', async () => {
  const person = await Person.signedIn()
  const options = { baseUrl, authToken: person.token, signer: person.key.signer() }
  await new DfnsApiClient({ ...options, orgId }).auth.listCredentials()
  const mistaken = new DfnsApiClient({ ...options, orgId: 'or-00000-00000-00000000000000' })
  await assert.rejects(mistaken.auth.listCredentials(), /not scoped to org ID/)
})

test('the delegated client lets somebody else sign', async () => {
  const person = await Person.signedIn()
  const delegated = person.delegated()
  const signer = person.key.signer()
  const signed = async (challenge) => ({
    challengeIdentifier: challenge.challengeIdentifier,
    firstFactor: await signer.sign(challenge),
  })

  const forCode = { body: { expiration: new Date(Date.now() + 50_000).toISOString() } }
  const { code } = await delegated.auth.createCredentialCodeComplete(
    forCode,
    await signed(await delegated.auth.createCredentialCodeInit(forCode)),
  )
  const challenge = await delegated.auth.createCredentialChallengeWithCode({
    body: { credentialKind: 'Key', code },
  })
  const added = await delegated.auth.createCredentialWithCode({
    body: {
      ...new KeyPair().create(challenge),
      credentialName: 'by delegation, with a code',
      challengeIdentifier: challenge.challengeIdentifier,
    },
  })

  const own = await delegated.auth.createCredentialChallenge({ body: { kind: 'Key' } })
  const create = {
    body: {
      ...new KeyPair().create(own),
      credentialName: 'by delegation',
      challengeIdentifier: own.challengeIdentifier,
    },
  }
  await delegated.auth.createCredentialComplete(
    create,
    await signed(await delegated.auth.createCredentialInit(create)),
  )

  const change = { body: { credentialUuid: added.credentialUuid } }
  await delegated.auth.deactivateCredentialComplete(
    change,
    await signed(await delegated.auth.deactivateCredentialInit(change)),
  )
  await delegated.auth.activateCredentialComplete(
    change,
    await signed(await delegated.auth.activateCredentialInit(change)),
  )
  const { items } = await delegated.auth.listCredentials()
  assert.deepEqual(
    items.map((item) => item.name).sort(),
    ['Default Credential', 'by delegation', 'by delegation, with a code'],
  )
})

test('a user action is used once', async () => {
  const person = await Person.signedIn()
  const body = { expiration: new Date(Date.now() + 50_000).toISOString() }
  const challenge = await person.client.auth.createUserActionChallenge({
    body: {
      userActionPayload: JSON.stringify(body),
      userActionHttpMethod: 'POST',
      userActionHttpPath: '/auth/credentials/code',
    },
  })
  const { userAction } = await person.client.auth.createUserActionSignature({
    body: {
      challengeIdentifier: challenge.challengeIdentifier,
      firstFactor: await person.key.signer().sign(challenge),
    },
  })
  const issue = () =>
    fetch(new URL('/auth/credentials/code', baseUrl), {
      method: 'POST',
      headers: {
        authorization: `Bearer ${person.token}`,
        'content-type': 'application/json',
        'x-dfns-useraction': userAction,
      },
      body: JSON.stringify(body),
    })
  assert.equal((await issue()).status, 200)
  const again = await issue()
  assert.equal(again.status, 400)
  assert.equal((await again.json()).error.message, 'user action has already been used')
})

test('the session ends with the logout', async () => {
  const person = await Person.signedIn()
  await person.client.auth.logout({ body: {} })
  await assert.rejects(person.client.auth.listCredentials(), {
    name: 'DfnsError',
    httpStatus: 401,
    message: 'Not Authorized.',
  })
})

test('errors are readable', async (t) => {
  const cases = {
    'a code that never was': {
      call: () =>
        stranger.auth.createCredentialChallengeWithCode({
          body: { credentialKind: 'Key', code: 'AAA-BBB-CCC' },
        }),
      error: { httpStatus: 403, message: 'Invalid code' },
    },
    'nobody is signed in': {
      call: () => stranger.auth.listCredentials(),
      error: { httpStatus: 401, message: 'Not Authorized.' },
    },
    'a kind that is not offered': {
      call: () =>
        stranger.auth.createCredentialChallengeWithCode({
          body: { credentialKind: 'Password', code: 'AAA-BBB-CCC' },
        }),
      error: { httpStatus: 400, message: /Fido2.*Key.*PasswordProtectedKey.*RecoveryKey/ },
    },
    'a call that is not offered': {
      call: () => stranger.auth.ssoLoginInit({ body: { orgId } }),
      error: { httpStatus: 404, message: /./ },
    },
  }
  for (const [name, { call, error }] of Object.entries(cases)) {
    await t.test(name, () => assert.rejects(call(), { name: 'DfnsError', ...error }))
  }
})
