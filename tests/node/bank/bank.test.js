// The page of `examples/bank`, as people use it: the example that the guide quotes works in a browser.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Device, launch, press, says } from '../support/browser.js'
import { invite } from '../support/latchkey.js'
import { withoutAutofill } from '../support/pages.js'

const browser = await launch()
const origin = process.env.LATCHKEY_E2E_PAGE

/** A device that has the bank open. */
async function visitor() {
  const device = await Device.open(browser)
  await device.page.goto(origin)
  await says(device, 'Ready.')
  return device
}

async function signIn(device) {
  await press(device, 'Sign in with a passkey')
  await says(device, 'You are signed in.')
}

test('somebody registers, signs in, signs a transfer and adds a passkey in another place', async () => {
  const { username, registrationCode } = await invite()
  const laptop = await visitor()
  await laptop.page.getByLabel('User name').fill(username)
  await laptop.page.getByLabel('Registration code').fill(registrationCode)
  await press(laptop, 'Register')
  await says(laptop, 'You are registered.')
  await signIn(laptop)
  assert.equal(await laptop.page.locator('#username').textContent(), username)
  assert.equal(await laptop.page.locator('#balance').textContent(), '100')

  await laptop.page.getByLabel('To', { exact: true }).fill('Bob')
  await laptop.page.getByLabel('Amount').fill('30')
  await press(laptop, 'Sign and transfer')
  await says(laptop, 'Bob has got it.')
  assert.equal(await laptop.page.locator('#balance').textContent(), '70')

  await press(laptop, 'Get a code')
  await says(laptop, 'Enter the code')
  const code = await laptop.page.locator('#one-time-code').textContent()
  const phone = await visitor()
  await phone.page.getByLabel('One-time code').fill(code)
  await press(phone, 'Add a passkey')
  await says(phone, 'The passkey is added.')
  await signIn(phone)
  assert.equal(await phone.page.locator('#balance').textContent(), '70')
  await press(phone, 'Sign out')
  await says(phone, 'You are signed out.')

  for (const device of [laptop, phone]) {
    assert.deepEqual(device.errors, [])
    await device.close()
  }
})

test('the pages of Latchkey sign somebody in and send them back', async () => {
  const { username, registrationCode } = await invite()
  const device = await visitor()
  await device.page.getByLabel('User name').fill(username)
  await device.page.getByLabel('Registration code').fill(registrationCode)
  await press(device, 'Register')
  await says(device, 'You are registered.')
  await withoutAutofill(device)
  await press(device, 'Sign in at Latchkey')
  const { host } = new URL(origin)
  await device.page.getByText(`Sign in to go on at ${host}`).waitFor()
  await press(device, 'Sign in with a passkey')
  await says(device, 'You are signed in.')
  assert.equal(device.page.url(), `${origin}/`)
  assert.equal(await device.page.locator('#username').textContent(), username)
  // Nothing of it is left that could be used again.
  assert.equal(await device.page.evaluate(() => sessionStorage.length), 0)
  await device.page.reload()
  await says(device, 'Ready.')
  // A code that nobody here asked for goes out of the address too, and until then nobody is told that.
  const script = device.page.waitForRequest(`${origin}/bank.js`)
  await device.page.goto(`${origin}/?code=sc_AAAA&state=x`)
  assert.equal((await (await script).allHeaders()).referer, undefined)
  await says(device, 'Ready.')
  assert.equal(device.page.url(), `${origin}/`)
  assert.deepEqual(device.errors, [])
  await device.close()
})
