// What pages say to whoever is signed in here already, when that session ends, or nobody can say whether it has.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Device, launch, press } from '../support/browser.js'
import { invite } from '../support/latchkey.js'
import { claim, endSession, getCode, linkOf, one, register, two, withoutAutofill } from '../support/pages.js'

const browser = await launch()

const CREDENTIALS = '**/auth/credentials'

/** Another tab of a device, with an authenticator of its own. */
async function tabOf({ context }) {
  const page = await context.newPage()
  const tab = Object.assign(new Device(), { page, session: await context.newCDPSession(page) })
  await tab.session.send('WebAuthn.enable')
  await tab.plugIn()
  return tab
}

test('whoever opens a code of another account is told so, unless their session has ended', async () => {
  const [laptop, phone] = [await Device.open(browser), await Device.open(browser)]
  await register(laptop)
  const { page } = phone
  const { username } = await register(phone, two)
  const told = page.getByText(`You are signed in here as ${username}.`)
  const { link } = await getCode(laptop)
  // It is told before anybody knows whether it has ended.
  await page.route(CREDENTIALS, () => {})
  await claim(phone, link)
  await told.waitFor()
  await page.unrouteAll()
  const json = { error: { code: 'unavailable', message: 'not now' } }
  for (const fail of [(route) => route.abort(), (route) => route.fulfill({ status: 503, json })]) {
    await page.route(CREDENTIALS, fail)
    await page.reload()
    await page.getByRole('heading', { name: 'Is this your account?' }).waitFor()
    await page.waitForLoadState('networkidle')
    assert.ok(await told.isVisible())
    await page.unrouteAll()
  }
  await endSession(phone)
  await page.reload()
  await page.getByRole('heading', { name: 'Is this your account?' }).waitFor()
  await told.waitFor({ state: 'hidden' })
})

test('where a session has ended, that of another tab, or one that has begun meanwhile, is offered', async () => {
  const device = await Device.open(browser)
  await withoutAutofill({ page: device.context })
  const { page } = device
  await register(device)
  const other = await tabOf(device)
  const { username } = await register(other)
  const offered = page.locator('#back', { hasText: username })
  const stored = ({ page }) => page.evaluate(() => sessionStorage.getItem('latchkey.session'))
  await endSession(device)
  const ended = await stored(device)
  await page.goto(`${one}/`)
  await offered.waitFor()

  const good = await stored(other)
  await other.page.close()
  await page.evaluate((ended) => sessionStorage.setItem('latchkey.session', ended), ended)
  const begin = async (route) => {
    await page.evaluate((good) => sessionStorage.setItem('latchkey.session', good), good)
    await route.continue()
  }
  await page.route(CREDENTIALS, begin, { times: 1 })
  await page.reload()
  await offered.waitFor()
})

test('whose invitation is of no more use is told so, though somebody else is signed in here', async () => {
  const device = await Device.open(browser)
  const { page } = device
  const { username } = await register(device)
  await page.goto(linkOf(await invite()))
  await page.getByRole('button', { name: 'Make my passkey' }).waitFor()
  const json = { error: { code: 'challenge_invalid', message: 'too late' } }
  await page.route('**/auth/registration', (route) => route.fulfill({ status: 401, json }))
  await press(device, 'Make my passkey')
  const alert = page.getByRole('alert')
  await alert.getByText('This took too long, or the registration was completed already.').waitFor()
  await page.locator('#back', { hasText: username }).waitFor()

  // Or was, before it was opened.
  const used = await register(await Device.open(browser))
  await page.goto(linkOf(used))
  await alert.getByText('This link is not valid, or it was used already.').waitFor()
  await page.locator('#back', { hasText: username }).waitFor()
  assert.equal(await page.getByLabel('User name').inputValue(), used.username)
})
