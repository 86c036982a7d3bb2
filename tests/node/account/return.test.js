// Who signs in on our pages goes back to the application that asked for it, and the session with them.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Device, launch } from '../support/browser.js'
import { baseUrl, latchkey } from '../support/latchkey.js'
import { at, enrol, known, register, withoutAutofill } from '../support/pages.js'
import { serve } from '../support/site.js'

const browser = await launch()

/** The application: a page on an origin of its own, beside the host where ours are. */
const shown = { type: 'text/html', body: '<title>Shop</title>' }
const port = await serve({ '/': shown, '/back': shown })
const shop = `http://app.shop.localhost:${port}`
const pages = at('shop')
const made = await latchkey(
  ...['bootstrap', '--organization', 'Shops', '--admin', 'shop@example.com', '--application', 'Shop'],
  ...['--rp-id', 'shop.localhost', '--origin', pages, '--origin', shop],
)
await known('shop')
const owner = await Device.open(browser)
await register(owner, pages, made)

/** In the page of the application: keeps a verifier, and goes to our pages to sign in. */
async function askToSignIn({ page }, { returnTo = `${shop}/back`, state = 'a&b' } = {}) {
  await page.goto(`${shop}/`)
  await page.evaluate(
    async ([signIn, returnTo, state]) => {
      const base64url = (bytes) =>
        btoa(String.fromCharCode(...new Uint8Array(bytes)))
          .replaceAll('+', '-')
          .replaceAll('/', '_')
          .replaceAll('=', '')
      const verifier = base64url(crypto.getRandomValues(new Uint8Array(32)))
      sessionStorage.setItem('verifier', verifier)
      const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))
      const query = new URLSearchParams({
        return_to: returnTo,
        code_challenge: base64url(digest),
        state,
      })
      location.assign(`${signIn}/?${query}`)
    },
    [pages, returnTo, state],
  )
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
}

/** In the page of the application: uses the code in the address, and answers what comes of it. */
async function exchange({ page }, address = undefined) {
  return page.evaluate(
    async ([service, address]) => {
      const code = new URL(address ?? location.href).searchParams.get('code')
      const answer = await fetch(`${service}/auth/session/code/exchange`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ code, codeVerifier: sessionStorage.getItem('verifier') }),
      })
      return { status: answer.status, body: await answer.json() }
    },
    [baseUrl, address],
  )
}

const isBack = ({ page }) => page.waitForURL((url) => url.origin === shop && url.searchParams.has('code'))

/** Another browser with a passkey of the same user. */
async function another() {
  await owner.page.goto(`${pages}/account`)
  const { link } = await getCodeHere(owner)
  const device = await Device.open(browser)
  await withoutAutofill(device)
  await enrol(device, link)
  return device
}

/** There is one place alone, so nothing is chosen. */
async function getCodeHere({ page }) {
  await page.getByRole('button', { name: 'Get a code' }).click()
  await page.getByRole('img', { name: 'QR code with the link' }).waitFor()
  return { link: await page.locator('#code-link').getAttribute('href') }
}

test('a sign-in leads back with a code that is good once, and for who asked for it', async () => {
  const device = await another()
  const { page } = device
  await askToSignIn(device)
  await page.getByText(`Sign in to go on at ${new URL(shop).host}`).waitFor()
  // What was asked for is not left in the address, nor in the history.
  assert.equal(page.url(), `${pages}/`)
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click()
  await isBack(device)
  const address = new URL(page.url())
  assert.equal(address.pathname, '/back')
  assert.equal(address.searchParams.get('state'), 'a&b')
  assert.equal(await page.evaluate(() => document.referrer), '')

  // Somebody else's code in my browser: the verifier is another one, and the code stays good.
  const stranger = await Device.open(browser)
  await stranger.page.goto(`${shop}/`)
  await stranger.page.evaluate(() => sessionStorage.setItem('verifier', 'a'.repeat(43)))
  assert.equal((await exchange(stranger, address.href)).status, 403)

  const { status, body } = await exchange(device)
  assert.equal(status, 200)
  const asked = await fetch(`${baseUrl}/auth/session`, {
    headers: { authorization: `Bearer ${body.token}` },
  })
  assert.equal((await asked.json()).username, made.username)
  assert.equal((await exchange(device)).body.error.code, 'invalid_code')

  // Our page keeps nothing of the session that it has handed over.
  await page.goto(`${pages}/`)
  await page.getByRole('link', { name: 'Shop' }).waitFor()
  for (const id of ['#back', '#go-back']) {
    assert.equal(await page.locator(id).isVisible(), false, id)
  }
  assert.deepEqual(device.violations, [])
})

test('who is signed in already goes back with one press', async () => {
  const device = await another()
  await device.page.getByRole('button', { name: 'Sign in with it' }).click()
  await device.page.getByText('You are signed in to').waitFor()
  await askToSignIn(device)
  await device.page.getByText(`You are signed in as ${made.username}`).waitFor()
  await device.page.getByRole('button', { name: 'Go back as this user' }).click()
  await isBack(device)
  assert.equal((await exchange(device)).status, 200)
})

test('who has no passkey here yet adds one and then goes back', async () => {
  await owner.page.goto(`${pages}/account`)
  const { link } = await getCodeHere(owner)
  const device = await Device.open(browser)
  await withoutAutofill(device)
  await askToSignIn(device)
  await device.page.locator('#return').waitFor()
  await enrol(device, link)
  await device.page.getByRole('button', { name: 'Sign in with it' }).click()
  await isBack(device)
  assert.equal((await exchange(device)).status, 200)
})

test('nobody is sent to an address that is not of the application', async () => {
  const device = await another()
  const { page } = device
  const asked = []
  page.on('request', (request) => asked.push(new URL(request.url()).origin))
  for (const returnTo of [
    'https://evil.example/',
    `${shop.replace('shop', 'evil')}/`,
    `http://app.shop.localhost:${port}@evil.example/`,
    `${at('one')}/`,
    '//evil.example/',
    'javascript:alert(1)',
    '/account',
  ]) {
    await askToSignIn(device, { returnTo })
    await page.getByRole('alert').getByText('Nobody is sent there').waitFor()
    assert.equal(await page.locator('#return').isVisible(), false, returnTo)
  }
  // A sign-in stays here then.
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click()
  await page.getByRole('heading', { name: 'Your account' }).waitFor()
  assert.deepEqual([...new Set(asked)].sort(), [pages, shop].sort())
  assert.deepEqual([device.errors, device.violations], [[], []])
})

test('a wish that is not as it must be is told before anybody signs in, and not kept', async () => {
  const device = await another()
  const { page } = device
  const good = { return_to: `${shop}/back`, code_challenge: 'A'.repeat(43), state: 'a' }
  for (const wrong of [
    { code_challenge: '' },
    { code_challenge: 'short' },
    { code_challenge: 'A'.repeat(44) },
    { code_challenge: `${'A'.repeat(42)}B` },
    { state: 'é'.repeat(257) },
    { return_to: `${shop}/leave?to=https://evil.example` },
    { return_to: `${shop}/#x` },
    { return_to: shop.replace('//', '//ada@') },
    { return_to: `blob:${shop}/x` },
  ]) {
    await page.goto(`${pages}/?${new URLSearchParams({ ...good, ...wrong })}`)
    await page.getByRole('alert').getByText('did not ask as they should').waitFor()
    assert.equal(await page.locator('#return').isVisible(), false, JSON.stringify(wrong))
  }
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click()
  await page.getByRole('heading', { name: 'Your account' }).waitFor()
  assert.deepEqual([device.errors, device.violations], [[], []])
})

test('who could not be sent back for a moment is asked for no passkey again', async () => {
  const device = await another()
  const { page } = device
  await askToSignIn(device)
  let begun = 0
  page.on('request', (request) => (begun += Number(request.url().endsWith('/auth/login/init'))))
  await page.route('**/auth/session/code', (route) =>
    route.fulfill({ status: 503, json: { error: { code: 'not_ready', message: 'away', id: 'x' } } }),
  )
  const button = page.getByRole('button', { name: 'Sign in with a passkey' })
  await button.click()
  await page.getByRole('alert').getByText('The service is starting').waitFor()
  const before = begun
  await page.unroute('**/auth/session/code')
  await button.click()
  await isBack(device)
  assert.equal(begun, before)
  assert.equal((await exchange(device)).status, 200)
})
