// Create Credential With Code, by the published client, from registration to the second credential.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { ALGORITHMS, KeyPair } from '../support/key-pair.js'
import { Person, inSeconds, orgId, stranger } from '../support/latchkey.js'

for (const algorithm of ALGORITHMS) {
  test(`${algorithm}: a key of one place adds a key in another place with a code`, async () => {
    const person = await Person.signedIn(algorithm)
    const code = await person.code()
    assert.match(code, /^[A-Z2-9]{3}-[A-Z2-9]{3}-[A-Z2-9]{3}$/)

    const challenge = await stranger.auth.createCredentialChallengeWithCode({
      body: { credentialKind: 'Key', code },
    })
    assert.equal(challenge.kind, 'Key')
    assert.equal(challenge.user.id, person.userId)
    assert.equal(challenge.user.name, person.username)

    const second = new KeyPair(algorithm)
    const credential = await stranger.auth.createCredentialWithCode({
      body: {
        ...second.create(challenge),
        credentialName: `second ${algorithm}`,
        challengeIdentifier: challenge.challengeIdentifier,
      },
    })
    assert.equal(credential.kind, 'Key')
    assert.equal(credential.credentialId, second.credId)
    assert.equal(credential.name, `second ${algorithm}`)
    assert.equal(credential.publicKey, second.fingerprint())
    assert.equal(credential.isActive, true)

    const elsewhere = await person.signIn(second)
    const { items } = await elsewhere.auth.listCredentials()
    assert.deepEqual(
      new Set(items.map((item) => item.credentialId)),
      new Set([person.key.credId, second.credId]),
    )
  })
}

test('registration answers the credential and the user', async () => {
  const person = await Person.registered()
  assert.equal(person.registration.user.id, person.userId)
  assert.equal(person.registration.user.username, person.username)
  assert.equal(person.registration.user.orgId, orgId)
  assert.equal(person.registration.credential.kind, 'Key')
  assert.match(person.registration.credential.uuid, /^cr-/)
})

test('a code may be asked for with an integer Unix time', async () => {
  const person = await Person.signedIn()
  const seconds = Math.floor(inSeconds(30).getTime() / 1000)
  const answer = await person.client.auth.createCredentialCode({ body: { expiration: seconds } })
  assert.equal(Date.parse(answer.expiration), seconds * 1000)
})

test('a code lives no longer than a minute', async () => {
  const person = await Person.signedIn()
  await assert.rejects(
    person.client.auth.createCredentialCode({ body: { expiration: inSeconds(600).toISOString() } }),
    { name: 'DfnsError', httpStatus: 400 },
  )
})

test('a code begins one ceremony only', async () => {
  const person = await Person.signedIn()
  const body = { credentialKind: 'Key', code: await person.code() }
  await stranger.auth.createCredentialChallengeWithCode({ body })
  await assert.rejects(stranger.auth.createCredentialChallengeWithCode({ body }), {
    name: 'DfnsError',
    httpStatus: 403,
    message: 'Invalid code',
  })
})

test('a challenge is answered once', async () => {
  const person = await Person.signedIn()
  const challenge = await stranger.auth.createCredentialChallengeWithCode({
    body: { credentialKind: 'Key', code: await person.code() },
  })
  const verify = (key) =>
    stranger.auth.createCredentialWithCode({
      body: {
        ...key.create(challenge),
        credentialName: 'second',
        challengeIdentifier: challenge.challengeIdentifier,
      },
    })
  await verify(new KeyPair())
  await assert.rejects(verify(new KeyPair()), {
    name: 'DfnsError',
    httpStatus: 400,
    message: 'Challenge token is not valid.',
  })
})

test('a challenge of another ceremony is refused', async () => {
  const person = await Person.signedIn()
  const challenge = await person.client.auth.createCredentialChallenge({ body: { kind: 'Key' } })
  await assert.rejects(
    stranger.auth.createCredentialWithCode({
      body: {
        ...new KeyPair().create(challenge),
        credentialName: 'second',
        challengeIdentifier: challenge.challengeIdentifier,
      },
    }),
    { name: 'DfnsError', httpStatus: 400, message: 'Challenge token is not valid.' },
  )
})
