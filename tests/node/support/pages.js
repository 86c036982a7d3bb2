// The service's own pages, on the domains of the demonstration, and what a person does on them.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'

import jsqr from 'jsqr'
import { PNG } from 'pngjs'

import { baseUrl, invite, latchkey } from './latchkey.js'

const { port } = new URL(baseUrl)

/** The origin of a domain of this machine. */
export const at = (domain) => `http://${domain}.localhost:${port}`

export const one = at('one')
export const two = at('two')

/** The link that an invited person gets. */
export function linkOf({ orgId, username, registrationCode }, origin = one) {
  const fragment = new URLSearchParams({ code: registrationCode, username, orgId })
  return `${origin}/register#${fragment}`
}

/** Registers somebody new, and goes on until their account is open. */
export async function register({ page, name }, origin = one, invitation = undefined) {
  const invited = invitation ?? (await invite())
  await page.goto(linkOf(invited, origin))
  await page.getByRole('button', { name: 'Make my passkey' }).click()
  await page.getByRole('link', { name: 'Save as a file' }).click()
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.getByRole('listitem', { name }).waitFor()
  return invited
}

/** Ends the session of a page, which does not know. */
export function endSession({ page }) {
  return page.evaluate(async () => {
    const { token } = JSON.parse(sessionStorage.getItem('latchkey.session'))
    const headers = { authorization: `Bearer ${token}` }
    await fetch('/auth/logout', { method: 'PUT', headers })
  })
}

/** Chooses the place that a code is for. */
export async function choosePlace({ page }, place) {
  const choice = page.getByLabel('Where will you use it?')
  const value = await choice.locator('option', { hasText: place }).getAttribute('value')
  await choice.selectOption(value)
}

/** Gets a code for a place, and answers it with its link. */
export async function getCode({ page }, place = 'Two') {
  await choosePlace({ page }, place)
  await page.getByRole('button', { name: 'Get a code' }).click()
  await page.getByRole('img', { name: 'QR code with the link' }).waitFor()
  const code = await page.locator('#code-text').textContent()
  return { code, link: await page.locator('#code-link').getAttribute('href') }
}

/**
 * A code that somebody gets elsewhere, as far as the panel of the page knows; answers the link to use it on an origin.
 */
export async function getCodeElsewhere({ page }, origin) {
  const longCode = await page.evaluate(async () => {
    const { act } = await import('/assets/scripts/session.js')
    const expiration = new Date(Date.now() + 60_000).toISOString()
    return (await act('POST', '/auth/credentials/code', { expiration })).longCode
  })
  return `${origin}/enrol#${longCode}`
}

/** Makes the page believe that its browser cannot offer passkeys where a name is typed. */
export async function withoutAutofill({ page }) {
  await page.addInitScript(() => {
    const capabilities = PublicKeyCredential.getClientCapabilities?.bind(PublicKeyCredential)
    PublicKeyCredential.isConditionalMediationAvailable = async () => false
    PublicKeyCredential.getClientCapabilities = async () => ({
      ...(await capabilities?.()),
      conditionalGet: false,
    })
  })
}

/** Makes the page believe that its browser keeps nothing for its site. */
export async function closeStorage({ page }) {
  await page.addInitScript(() => {
    const get = () => {
      throw new DOMException('it is closed', 'SecurityError')
    }
    for (const storage of ['localStorage', 'sessionStorage']) {
      Object.defineProperty(globalThis, storage, { get })
    }
  })
}

/** What a field says of itself. */
export const stateOf = (field) =>
  field.evaluate((it) => ({
    isInvalid: it.ariaInvalid === 'true',
    isFocused: it === document.activeElement,
    describedBy: it.getAttribute('aria-describedby'),
  }))

/** Waits until everything that is shown has been there for long enough to take clicks. */
export const settled = ({ page }) =>
  page.evaluate(() => {
    const appearing = document.getAnimations().filter(({ animationName }) => animationName === 'appear')
    return Promise.all(appearing.map(({ finished }) => finished.then(() => {})))
  })

/** What a camera reads from a QR code on the screen. */
export async function scan({ page }, picture = '#code-picture') {
  const { data, height, width } = PNG.sync.read(await page.locator(picture).screenshot())
  return jsqr(new Uint8ClampedArray(data), width, height)?.data
}

/** Opens a link with a code, which is filled in, and uses the code. */
export async function claim({ page }, link) {
  await page.goto(link)
  await page.getByRole('button', { name: 'Continue' }).click()
}

/** Opens a link that adds a passkey, and goes on until the passkey is there. */
export async function enrol(device, link, name) {
  const { page } = device
  await claim(device, link)
  if (name) {
    await page.getByLabel('Name of the passkey').fill(name)
  }
  await page.getByRole('button', { name: 'Create the passkey' }).click()
  await page.getByRole('heading', { name: 'Your passkey is added' }).waitFor()
}

/** The bodies of the calls to a path, as they are made from now on. */
export function callsTo({ page }, path) {
  const bodies = []
  page.on('request', (request) => {
    if (new URL(request.url()).pathname === path && request.method() !== 'OPTIONS') {
      bodies.push(request.postDataJSON())
    }
  })
  return bodies
}

/** Where a passkey that was made with a code is sent. */
export const VERIFY = '/auth/credentials/code/verify'

/** Sends what a page on that origin is about to send there; its answer reaches nobody. */
async function send(request, origin, path) {
  // The browser knows where its name leads, this program need not.
  const { authorization, 'x-dfns-useraction': userAction } = request.headers()
  const headers = {
    'content-type': 'application/json',
    origin,
    ...(authorization && { authorization }),
    ...(userAction && { 'x-dfns-useraction': userAction }),
  }
  const answer = await fetch(`${baseUrl}${path}`, { method: 'POST', headers, body: request.postData() })
  assert.equal(answer.status, 200)
}

/** Loses the next answer to what the page on that origin sends there, or, if it does not reach the service, both. */
export async function loseAnswer({ page }, origin, { path, reaches }) {
  const lose = async (route) => {
    if (reaches) {
      await send(route.request(), origin, path)
    }
    await route.abort()
  }
  await page.route(`**${path}`, lose, { times: 1 })
}

/** Sends twice what the page sends there next, and answers the second, as a browser does whose connection is cut. */
export async function sendTwice({ page }, origin, path) {
  const twice = async (route) => {
    await send(route.request(), origin, path)
    await route.continue()
  }
  await page.route(`**${path}`, twice, { times: 1 })
}

/**
 * Answers the calls to a path with "not now" until the page says that it goes on trying. `status` is that of a service
 * that is away, or of one that is asked too often.
 */
export async function withoutAnswers({ page }, path, status) {
  const code = status === 429 ? 'too_many_attempts' : 'unavailable'
  const headers = { 'retry-after': '1' }
  const json = { error: { code, message: 'not now' } }
  await page.route(`**${path}`, (route) => route.fulfill({ status, headers, json }))
  await page.getByText('The service cannot answer at present; still trying.').waitFor()
  await page.unroute(`**${path}`)
}

/**
 * Makes the page believe, once it is loaded again, that the service's clock is this many seconds behind,
 * so that codes it asks for expire sooner by as many.
 */
export async function shortenCodes({ page }, seconds) {
  await page.addInitScript((behind) => {
    const { get } = Headers.prototype
    Headers.prototype.get = function (name) {
      const value = get.call(this, name)
      const isDate = value && name === 'date'
      return isDate ? new Date(Date.parse(value) - behind * 1000).toUTCString() : value
    }
  }, seconds)
}

/** An organization with applications on two domains of its own, and its first user's invitation. */
export async function organization(domains, ...words) {
  const [first, second] = domains
  const place = (domain) => ['--rp-id', `${domain}.localhost`, '--origin', at(domain)]
  const name = randomUUID()
  const made = await latchkey(
    ...['bootstrap', '--organization', name, '--admin', `${name}@example.com`],
    ...['--application', first, ...place(first), ...words],
  )
  const names = ['application', 'add', '--org', made.orgId, '--name', second]
  await latchkey(...names, ...place(second))
  await known(first)
  await known(second)
  return made
}

/** Sets from where places may ask for codes, and waits until the pages of a domain are told so. */
export async function letAsk({ orgId }, domain, from) {
  await latchkey('organization', 'set-code-requests', '--org', orgId, from)
  const deadline = Date.now() + 60_000
  while (Date.now() < deadline) {
    const answer = await fetch(new URL('/auth/application', baseUrl), { headers: { origin: at(domain) } })
    const { codeRequests } = await answer.json()
    if (codeRequests === from) {
      return
    }
    await new Promise((wake) => setTimeout(wake, 100))
  }
  throw new Error(`${domain} is not told that places may ask`)
}

/** Waits until the service that runs knows a domain: what it knows is a few seconds old. */
export async function known(domain) {
  const deadline = Date.now() + 60_000
  while (Date.now() < deadline) {
    const answer = await fetch(new URL('/health/live', baseUrl), { headers: { origin: at(domain) } })
    if (answer.headers.get('access-control-allow-origin')) {
      return
    }
    await new Promise((wake) => setTimeout(wake, 100))
  }
  throw new Error(`the service does not get to know ${domain}`)
}
