// `/enrol` where what was sent is refused since its challenge is of no more use: was it added before, or never?

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Device, holds, launch, press } from '../support/browser.js'
import { VERIFY, claim, getCode, register, sendTwice, two } from '../support/pages.js'

const browser = await launch()

/** A device that has used a code, and is asked whether the account is its owner's. */
async function opened() {
  const laptop = await Device.open(browser)
  await register(laptop)
  const { link } = await getCode(laptop)
  const phone = await Device.open(browser)
  await claim(phone, link)
  await phone.page.getByRole('button', { name: 'Create the passkey' }).waitFor()
  return phone
}

test('a passkey that the browser has sent twice by itself is added', async () => {
  const phone = await opened()
  const { page } = phone
  await sendTwice(phone, two, VERIFY)
  await press(phone, 'Create the passkey')
  await page.getByRole('heading', { name: 'Your passkey is added' }).waitFor()
  assert.equal((await phone.passkeys()).length, 1)
})

test('a passkey that was made too late was not added, and opens nothing', async () => {
  const phone = await opened()
  const { page } = phone
  const later = 6 * 60_000
  await page.evaluate((later) => {
    const { now } = Date
    Date.now = () => now() + later
  }, later)
  const json = { error: { code: 'challenge_invalid', message: 'too late' } }
  const headers = { date: new Date(Date.now() + later).toUTCString() }
  for (const path of ['status', 'verify']) {
    await page.route(`**/auth/credentials/code/${path}`, (route) => route.fulfill({ status: 401, headers, json }))
  }
  await press(phone, 'Create the passkey')
  await page.getByText('This took too long, or the code was cancelled in the meantime.').waitFor()
  await holds(phone, 0)
})
