// Debian's Chromium, driven by playwright-core, with virtual authenticators in the place of fingers; Firefox is in
// `firefox.js`.

import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { after } from 'node:test'
import { setTimeout } from 'node:timers/promises'

import { chromium } from 'playwright-core'

/**
 * What playwright 1.61 turns off, to be compared when there is another, since of two lists the last one counts; and the
 * pages behind the address bar: a device has a window with a bar that nobody sees, and to have them ready takes more
 * than the page that is tested.
 */
const FEATURES_OFF = [
  'AutoDeElevate',
  'AvoidUnnecessaryBeforeUnloadCheckSync',
  'BoundaryEventDispatchTracksNodeRemoval',
  'DestroyProfileOnBrowserClose',
  'DialMediaRouteProvider',
  'GlobalMediaControls',
  'HttpsUpgrades',
  'LensOverlay',
  'MediaRouter',
  'OptimizationHints',
  'PaintHolding',
  'RenderDocument',
  'ThirdPartyStoragePartitioning',
  'Translate',
  'WebUIOmniboxAimPopup',
  'WebUIOmniboxPopup',
]

/** What a browser needs that runs as root on a machine without a screen, and calls nobody. */
const ARGUMENTS = [
  `--disable-features=${FEATURES_OFF}`,
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** A screen lock or fingerprint reader that is built in, and keeps discoverable passkeys. */
const AUTHENTICATOR = {
  protocol: 'ctap2',
  transport: 'internal',
  hasResidentKey: true,
  hasUserVerification: true,
  isUserVerified: true,
  automaticPresenceSimulation: true,
}

/** What a small laptop leaves a page: low, so that much is below its edge. */
export const VIEWPORT = { width: 1366, height: 682 }

/** How long anything in a page may take, in milliseconds; only a broken page needs as long. */
export const PATIENCE = 20_000

export function executable(name) {
  const folders = (process.env.PATH ?? '').split(delimiter)
  const found = folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
  if (!found) {
    throw new Error(`there is no ${name}: run \`cargo xtask test\`, which installs what these tests need`)
  }
  return found
}

/** A browser that ends with the tests of the file; `options` are those of playwright. Call it outside of any test. */
export async function launch(options = {}) {
  const browser = await chromium.launch({ executablePath: executable('chromium'), args: ARGUMENTS, ...options })
  after(() => browser.close())
  return browser
}

let isInTime = false

/**
 * Lets clicks wait for controls that have only just appeared, which take none on our pages: playwright by itself tries
 * some times in vain, each time at some cost, and then late.
 */
function clickInTime(page) {
  if (isInTime) {
    return
  }
  isInTime = true
  const locators = Object.getPrototypeOf(page.locator('html'))
  const { click } = locators
  const appeared = (it) => {
    const appearing = it.getAnimations().filter(({ animationName }) => animationName === 'appear')
    return Promise.all(appearing.map(({ finished }) => finished.then(() => {})))
  }
  locators.click = async function (options) {
    await this.waitFor()
    // What goes away meanwhile is waited for by the click itself.
    await this.evaluate(appeared).catch(() => {})
    return click.call(this, options)
  }
}

/**
 * One device: a browser profile of its own with one page and one authenticator. What happens in its
 * page and must not is in `errors` (uncaught errors and what the console calls an error) and in
 * `violations` (of the Content-Security-Policy).
 */
export class Device {
  /**
   * A device that ends with the test, or the hook, that opens it: a page that nobody looks at any more still asks and
   * moves. `options` are those of a playwright context: viewport, colorScheme, reducedMotion…
   */
  static async open(browser, options = {}) {
    const device = new Device()
    after(() => device.close())
    await device.begin(await browser.newContext({ viewport: VIEWPORT, ...options }))
    await device.#watchPolicy()
    device.session = await device.context.newCDPSession(device.page)
    await device.session.send('WebAuthn.enable')
    await device.plugIn()
    return device
  }

  /** What passkeys that are made here are called, to begin with. */
  name = 'Chrome on Linux'

  /** What the browser writes about each answer that is an error, also when the page expects one. */
  noise = 'Failed to load resource: the server responded'

  errors = []
  violations = []
  authenticatorId

  /** Opens the page in a context of this device's own, and watches it. */
  async begin(context) {
    this.context = context
    context.setDefaultTimeout(PATIENCE)
    this.page = context.pages()[0] ?? (await context.newPage())
    this.#watchErrors()
    this.#followLinks()
    clickInTime(this.page)
  }

  /**
   * On a page that is open already the browser stays when a link differs behind `#` alone, and the page loads itself
   * anew: what was pressed before that is over would be pressed on a page that goes away.
   */
  #followLinks() {
    const { page } = this
    const goto = page.goto.bind(page)
    page.goto = async (address, options) => {
      const [path, fragment] = address.split('#')
      const isThere = fragment !== undefined && page.url().split('#')[0] === path
      const loaded = isThere ? page.waitForEvent('load') : undefined
      const answer = await goto(address, options)
      await loaded
      return answer
    }
  }

  async #watchPolicy() {
    await this.context.exposeBinding('reportViolation', (_source, violation) => {
      this.violations.push(violation)
    })
    await this.context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        const { blockedURI, documentURI, effectiveDirective, lineNumber, sourceFile } = event
        globalThis.reportViolation({
          blockedURI,
          documentURI,
          effectiveDirective,
          lineNumber,
          sourceFile,
        })
      })
    })
  }

  #watchErrors() {
    const tell = (text) => {
      if (!text.includes(this.noise)) {
        this.errors.push(text)
      }
    }
    this.page.on('pageerror', (error) => tell(String(error)))
    this.page.on('console', (message) => {
      if (message.type() === 'error') {
        tell(message.text())
      }
    })
  }

  /** Gives the device an authenticator; `options` differ from the usual one's. */
  async plugIn(options = {}) {
    const { authenticatorId } = await this.session.send('WebAuthn.addVirtualAuthenticator', {
      options: { ...AUTHENTICATOR, ...options },
    })
    this.authenticatorId = authenticatorId
  }

  /** Takes the authenticator and its passkeys away. */
  async unplug() {
    const { authenticatorId } = this
    await this.session.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId })
    this.authenticatorId = undefined
  }

  /** The passkeys in the authenticator, as `{credentialId, rpId, userHandle, signCount…}`. */
  async passkeys() {
    const { authenticatorId } = this
    const { credentials } = await this.session.send('WebAuthn.getCredentials', { authenticatorId })
    return credentials
  }

  /** Whether the person proves to be themselves; when not, the authenticator refuses. */
  async setUserVerified(isUserVerified) {
    const { authenticatorId } = this
    await this.session.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified })
  }

  /** Whether the person touches the authenticator; when not, the browser's prompt waits. */
  async setPresent(enabled) {
    const { authenticatorId } = this
    await this.session.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled })
  }

  async close() {
    await this.context?.close()
  }
}

/** Waits until the page of an example says so. */
export async function says({ page }, words) {
  await page.locator('#status', { hasText: words }).waitFor()
}

/** Presses the button of that name. */
export async function press({ page }, name) {
  await page.getByRole('button', { name, exact: true }).click()
}

/**
 * Waits until the authenticator holds so many passkeys: it lets go of one of which a page says that it opens nothing.
 */
export async function holds(device, count) {
  const deadline = Date.now() + PATIENCE
  while ((await device.passkeys()).length !== count) {
    if (Date.now() > deadline) {
      throw new Error(`the authenticator does not hold ${count} passkeys`)
    }
    await setTimeout(100)
  }
}
