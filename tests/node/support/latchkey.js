// The running service under test, and people in it. The Rust test that starts `node --test` says where
// it is by environment variables.

import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'

import { DfnsApiClient, DfnsAuthenticator, DfnsDelegatedApiClient } from '@dfns/sdk'

import { KeyPair } from './key-pair.js'
import { checked } from './types.js'

function variable(name) {
  const value = process.env[name]
  if (!value) {
    throw new Error(`${name} is not set: these tests are started by \`cargo xtask test\``)
  }
  return value
}

// To the binary, what these tests are told would be misspelt settings.
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^LATCHKEY_[^_]/.test(name)),
)

export const baseUrl = variable('LATCHKEY_E2E_URL')
export const orgId = variable('LATCHKEY_E2E_ORGANIZATION')

/** Runs one command of the command line beside the running service, as an administrator would. */
export async function latchkey(...words) {
  const [answer] = await listed(...words)
  return answer
}

/** Runs one that lists things, one a line. */
async function listed(...words) {
  const { stdout } = await promisify(execFile)(variable('LATCHKEY_BIN'), words, {
    env: environment,
  })
  const lines = stdout.split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line))
}

/** A name that nobody has. */
export function newUsername() {
  return `${randomUUID()}@example.com`
}

/** Invites somebody nobody has heard of before. */
export async function invite(kind = 'CustomerEmployee') {
  const email = newUsername()
  return latchkey('user', 'invite', '--org', orgId, '--email', email, '--kind', kind)
}

/** The code of the newest message of that kind to a user, who may have to wait for it. */
export async function mailedCode(username, kind) {
  const deadline = Date.now() + 15_000
  while (Date.now() < deadline) {
    const messages = await listed('outbox', 'list')
    const message = messages.filter(({ to }) => to === username).findLast((one) => one.kind === kind)
    if (message) {
      return message.text.match(/[A-Z2-9]{3}-[A-Z2-9]{3}-[A-Z2-9]{3}/)[0]
    }
    await setTimeout(100)
  }
  throw new Error(`no message of kind ${kind} comes to ${username}`)
}

/** The published client; what it answers is checked against its own types. */
export function apiClient(options) {
  const client = new DfnsApiClient({ baseUrl, ...options })
  return { auth: checked('AuthClient', client.auth) }
}

/** The published client for servers that hand challenges to somebody else to sign, checked likewise. */
export function delegatedClient(options) {
  const client = new DfnsDelegatedApiClient({ baseUrl, ...options })
  return { auth: checked('DelegatedAuthClient', client.auth) }
}

/** The published helper for whole ceremonies, checked likewise. */
export function authenticator(options) {
  return checked('DfnsAuthenticator', new DfnsAuthenticator({ baseUrl, ...options }))
}

/** A client of nobody. */
export const stranger = apiClient()

/** Somebody who is registered with one key and signed in with it, all by the published client. */
export class Person {
  static async registered(algorithm) {
    const { username, userId, registrationCode } = await invite()
    const key = new KeyPair(algorithm)
    const registration = await authenticator({ orgId, signer: key.signer() }).register({
      orgId,
      username,
      registrationCode,
    })
    return new Person({ username, userId, key, registration })
  }

  static async signedIn(algorithm) {
    const person = await Person.registered(algorithm)
    person.client = await person.signIn(person.key)
    return person
  }

  constructor({ username, userId, key, registration }) {
    Object.assign(this, { username, userId, key, registration })
  }

  /** A client with a new session that `key` signed for; it signs user actions with that key too. */
  async signIn(key) {
    const signer = key.signer()
    this.token = await tokenFor(this.username, signer)
    return apiClient({ orgId, authToken: this.token, signer })
  }

  /** Lets the person manage the users of the organization. */
  async becomeAdministrator() {
    await latchkey('user', 'promote', '--user', this.userId)
  }

  /** The client for servers that hand challenges to somebody else to sign. */
  delegated() {
    return delegatedClient({ orgId, authToken: this.token })
  }

  /** A one-time code, as the first place shows it. */
  async code() {
    const { code } = await this.client.auth.createCredentialCode({
      body: { expiration: inSeconds(50).toISOString() },
    })
    return code
  }
}

/** A session token, by the published client. */
export async function tokenFor(username, signer) {
  const { token } = await authenticator({ orgId, signer }).login({ orgId, username })
  return token
}

export function inSeconds(seconds) {
  return new Date(Date.now() + seconds * 1000)
}

/**
 * Registers an application whose pages are served by somebody else, and waits until the service that
 * runs knows it: what it knows of applications is a few seconds old.
 */
export async function addApplication({ name, rpId, origin }) {
  const words = ['--org', orgId, '--name', name, '--rp-id', rpId, '--origin', origin]
  const application = await latchkey('application', 'add', ...words)
  const deadline = Date.now() + 15_000
  while (Date.now() < deadline) {
    const answer = await fetch(new URL('/health/live', baseUrl), { headers: { origin } })
    if (answer.headers.get('access-control-allow-origin') === origin) {
      return application
    }
    await setTimeout(100)
  }
  throw new Error(`the service does not get to know ${origin}`)
}
