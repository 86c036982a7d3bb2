// What pages say to whoever is signed in here already.

import { test } from 'node:test'

import { Device, launch, press } from '../support/browser.js'
import { invite } from '../support/latchkey.js'
import { linkOf, register } from '../support/pages.js'

const browser = await launch()

test('whose invitation is of no more use is told so, though somebody else is signed in here', async () => {
  const device = await Device.open(browser)
  const { page } = device
  const { username } = await register(device)
  await page.goto(linkOf(await invite()))
  await page.getByRole('button', { name: 'Make my passkey' }).waitFor()
  const json = { error: { code: 'challenge_invalid', message: 'too late' } }
  await page.route('**/auth/registration', (route) => route.fulfill({ status: 401, json }))
  await press(device, 'Make my passkey')
  await page.getByRole('alert').getByText('This took too long, or the registration was completed already.').waitFor()
  await page.locator('#back', { hasText: username }).waitFor()
})
