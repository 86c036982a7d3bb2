// Debian's Firefox, driven by playwright-core too; its virtual authenticators are told what to do by its own protocol,
// Marionette.

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { setTimeout } from 'node:timers/promises'

import { firefox } from 'playwright-core'

import { Device, executable, PATIENCE, VIEWPORT } from './browser.js'

const PREFERENCES = {
  // The list of downloads would take the focus from the page, and a page without it gets no passkey.
  'browser.download.alwaysOpenPanel': false,
  // Any port that is free.
  'marionette.port': 0,
  'security.webauth.webauthn_enable_softtoken': true,
  'security.webauth.webauthn_enable_usbtoken': false,
}

/** The same as in Chromium. */
const AUTHENTICATOR = {
  protocol: 'ctap2_1',
  transport: 'internal',
  hasResidentKey: true,
  hasUserVerification: true,
  isUserConsenting: true,
  isUserVerified: true,
}

/**
 * A device with Firefox: a process of its own, since authenticators are shared in one. It ends with the test. What its
 * policy forbids a page is among its errors.
 */
export class FirefoxDevice extends Device {
  /** `options` are those of a playwright context. */
  static async open(options = {}) {
    const device = new FirefoxDevice()
    device.profile = await mkdtemp(join(tmpdir(), 'latchkey-firefox-'))
    after(() => device.close())
    const context = await firefox.launchPersistentContext(device.profile, {
      // Firefox as others build it, by WebDriver BiDi.
      channel: 'moz-firefox',
      executablePath: executable('firefox-esr'),
      args: ['--marionette'],
      // Run by root, it refuses a home that is somebody else's, as it is in some containers.
      env: { ...process.env, HOME: device.profile },
      firefoxUserPrefs: PREFERENCES,
      viewport: VIEWPORT,
      ...options,
    })
    await device.begin(context)
    device.marionette = await Marionette.of(device.profile)
    await device.plugIn()
    return device
  }

  name = 'Firefox on Linux'

  /** The hash of a style that playwright adds to take a picture, and the policy of our pages forbids. */
  noise = 'sha256-YjaKGiklmzC6wjXA513HAMmzus8VE61XCOT+SmwNZWA='

  async plugIn() {
    this.authenticatorId = await this.marionette.send('AddVirtualAuthenticator', AUTHENTICATOR)
  }

  async passkeys() {
    const { authenticatorId } = this
    return this.marionette.send('GetCredentials', { authenticatorId })
  }

  async close() {
    await this.context?.close()
    this.marionette?.close()
    await rm(this.profile, { recursive: true, force: true })
  }
}

/** Where Marionette listens: the profile says so, at some time after the start. */
async function portOf(profile) {
  const deadline = Date.now() + PATIENCE
  while (Date.now() < deadline) {
    const port = await readFile(join(profile, 'MarionetteActivePort'), 'utf8').catch(() => '')
    if (port) {
      return Number(port)
    }
    await setTimeout(100)
  }
  throw new Error('Firefox does not say where Marionette listens')
}

/** A connection to Marionette, for the session that playwright began. It stays open, since the session ends with it. */
class Marionette {
  /** To the one of the Firefox with that profile. */
  static async of(profile) {
    const marionette = new Marionette()
    marionette.#socket = connect(await portOf(profile), '127.0.0.1')
    marionette.#packets = packets(marionette.#socket)
    // First it says what it is.
    await marionette.#packets.next()
    return marionette
  }

  #socket
  #packets
  #id = 0

  /** The answer to one of the commands for virtual authenticators. */
  async send(command, parameters) {
    this.#id += 1
    const packet = JSON.stringify([0, this.#id, `WebAuthn:${command}`, parameters])
    this.#socket.write(`${Buffer.byteLength(packet)}:${packet}`)
    // Answers come in the order of the commands.
    const { value: [, , error, answer] } = await this.#packets.next()
    if (error) {
      throw new Error(`${command}: ${error.message}`)
    }
    return answer.value
  }

  close() {
    this.#socket.destroy()
  }
}

/** What comes on a connection: JSON, each time behind its length in bytes and a colon. */
async function* packets(socket) {
  let rest = Buffer.alloc(0)
  for await (const chunk of socket) {
    rest = Buffer.concat([rest, chunk])
    for (;;) {
      const start = rest.indexOf(':') + 1
      const end = start + Number(rest.subarray(0, start - 1))
      if (start === 0 || rest.length < end) {
        break
      }
      yield JSON.parse(rest.subarray(start, end))
      rest = rest.subarray(end)
    }
  }
}
