// The published packages for browsers in a real one, on two domains that share no passkey.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { publish } from '../support/application.js'
import { Device, launch } from '../support/browser.js'
import { baseUrl, invite, orgId } from '../support/latchkey.js'

const browser = await launch()
const [one, two] = await publish('The application', 'one.localhost', 'two.localhost')

/** A device that has the application open at `origin`. */
async function visitor(origin) {
  const device = await Device.open(browser)
  await device.page.goto(origin)
  await device.page.waitForFunction(() => globalThis.application)
  return device
}

/** In the page: registers, and stays signed in as `client` with `signer`. */
async function register(device, kind, invitation) {
  return device.page.evaluate(
    async ([kind, orgId, { username, registrationCode }]) => {
      const { application } = globalThis
      globalThis.signer = await application[kind]()
      const registration = await application
        .authenticator(globalThis.signer)
        .register({ orgId, username, registrationCode })
      globalThis.client = await application.signIn(globalThis.signer, username)
      return registration
    },
    [kind, orgId, invitation],
  )
}

/** In the page of somebody who is signed in: a code, for which the user signs an action. */
async function code(device) {
  return device.page.evaluate(async () => {
    const expiration = new Date(Date.now() + 50_000).toISOString()
    const answer = await globalThis.client.auth.createCredentialCode({ body: { expiration } })
    return answer.code
  })
}

/** In the page of nobody: turns the code into a credential of this place. */
async function redeem(device, kind, code) {
  return device.page.evaluate(
    async ([kind, code]) => {
      const { application } = globalThis
      const nobody = application.client()
      const credentialKind = kind === 'passkey' ? 'Fido2' : 'Key'
      const challenge = await nobody.auth.createCredentialChallengeWithCode({
        body: { credentialKind, code },
      })
      globalThis.signer = await application[kind]()
      return nobody.auth.createCredentialWithCode({
        body: {
          ...(await globalThis.signer.create(challenge)),
          credentialName: 'the second place',
          challengeIdentifier: challenge.challengeIdentifier,
        },
      })
    },
    [kind, code],
  )
}

/** In the page: signs in with what the page has, and lists the user's credentials. */
async function signInAndList(device, username) {
  return device.page.evaluate(async (username) => {
    const client = await globalThis.application.signIn(globalThis.signer, username)
    return (await client.auth.listCredentials()).items
  }, username)
}

for (const [first, second] of [
  ['passkey', 'passkey'],
  ['passkey', 'key'],
  ['key', 'passkey'],
  ['key', 'key'],
]) {
  test(`a ${first} of one domain adds a ${second} of the other domain with a code`, async () => {
    const invitation = await invite()
    const here = await visitor(one)
    const there = await visitor(two)

    const registration = await register(here, first, invitation)
    assert.equal(registration.user.id, invitation.userId)
    const added = await redeem(there, second, await code(here))
    assert.equal(added.name, 'the second place')
    assert.equal(added.origin, second === 'passkey' ? two : '')
    assert.equal(added.relyingPartyId, second === 'passkey' ? 'two.localhost' : '')

    const credentials = await signInAndList(there, invitation.username)
    assert.deepEqual(
      new Set(credentials.map(({ credentialUuid }) => credentialUuid)),
      new Set([registration.credential.uuid, added.credentialUuid]),
    )
    for (const device of [here, there]) {
      assert.deepEqual(device.errors, [])
    }
  })
}
