// `/enrol` where a challenge is of no more use: was a passkey added with it before, or never?

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Device, holds, launch, press } from '../support/browser.js'
import { VERIFY, claim, getCode, register, sendTwice, two } from '../support/pages.js'

const browser = await launch()

const STATUS = '**/auth/credentials/code/status'

/** A device that has used a code of the laptop, and is asked whether the account is its owner's. */
async function openedFrom(laptop) {
  const { link } = await getCode(laptop)
  const phone = await Device.open(browser)
  await claim(phone, link)
  await phone.page.getByRole('button', { name: 'Create the passkey' }).waitFor()
  return phone
}

async function signedIn() {
  const laptop = await Device.open(browser)
  await register(laptop)
  return laptop
}

async function cancel(laptop) {
  await laptop.page.locator('.step', { hasText: 'Opened on' }).waitFor()
  await press(laptop, 'Cancel the code')
  await laptop.page.locator('.step', { hasText: 'The code is cancelled' }).waitFor()
}

const isOver = ({ page }) =>
  page.getByText('This took too long, or the code was cancelled in the meantime.').waitFor()

const isVoid = ({ page }) => page.getByText('The passkey that this device made opens nothing').isVisible()

test('nobody is asked for a passkey for a code that was cancelled', async () => {
  const laptop = await signedIn()
  for (const goOn of [(phone) => press(phone, 'Create the passkey'), ({ page }) => page.reload()]) {
    const phone = await openedFrom(laptop)
    const { page } = phone
    let prompts = 0
    await page.exposeFunction('prompted', () => (prompts += 1))
    await page.evaluate(() => {
      const { create } = navigator.credentials
      navigator.credentials.create = async function (options) {
        await globalThis.prompted()
        return create.call(this, options)
      }
    })
    await cancel(laptop)
    await goOn(phone)
    await isOver(phone)
    assert.deepEqual([prompts, await isVoid(phone)], [0, false])
    await press(phone, 'Enter another code')
    await page.getByLabel('Code').waitFor()
  }
})

test('a passkey of a code that was cancelled while it was made opens nothing', async () => {
  const laptop = await signedIn()
  const phone = await openedFrom(laptop)
  await cancel(laptop)
  // So it was a moment ago.
  await phone.page.route(STATUS, (route) => route.fulfill({ json: { state: 'Claimed' } }), { times: 1 })
  await press(phone, 'Create the passkey')
  await isOver(phone)
  assert.ok(await isVoid(phone))
  await holds(phone, 0)
})

test('a service that cannot be asked whether a code is still good is said to be away, and makes no passkey until then', async () => {
  const phone = await openedFrom(await signedIn())
  await phone.page.route(STATUS, (route) => route.abort(), { times: 1 })
  await press(phone, 'Create the passkey')
  await phone.page.getByRole('alert').getByText('The service cannot be reached.').waitFor()
  assert.deepEqual(await phone.passkeys(), [])
  await press(phone, 'Create the passkey')
  await phone.page.getByRole('heading', { name: 'Your passkey is added' }).waitFor()
})

test('a passkey that the browser has sent twice by itself is added', async () => {
  const phone = await openedFrom(await signedIn())
  const { page } = phone
  await sendTwice(phone, two, VERIFY)
  await press(phone, 'Create the passkey')
  await page.getByRole('heading', { name: 'Your passkey is added' }).waitFor()
  assert.equal((await phone.passkeys()).length, 1)
})

test('a passkey that was made too late was not added, and opens nothing', async () => {
  const phone = await openedFrom(await signedIn())
  const { page } = phone
  const later = 6 * 60_000
  await page.evaluate((later) => {
    const { now } = Date
    Date.now = () => now() + later
  }, later)
  const json = { error: { code: 'challenge_invalid', message: 'too late' } }
  const headers = { date: new Date(Date.now() + later).toUTCString() }
  for (const path of [STATUS, `**${VERIFY}`]) {
    await page.route(path, (route) => route.fulfill({ status: 401, headers, json }))
  }
  // It was not too late when the prompt came.
  await page.route(STATUS, (route) => route.fulfill({ headers, json: { state: 'Claimed' } }), { times: 1 })
  await press(phone, 'Create the passkey')
  await isOver(phone)
  await holds(phone, 0)
})
