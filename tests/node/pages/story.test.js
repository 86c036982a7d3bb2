// The product in one minute: a passkey made on one domain, a code, a second passkey made on another.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Device, launch } from '../support/browser.js'
import { FirefoxDevice } from '../support/firefox.js'
import { invite } from '../support/latchkey.js'
import {
  claim,
  enrol,
  getCode,
  linkOf,
  one,
  register,
  scan,
  two,
  withoutAutofill,
} from '../support/pages.js'

const browser = await launch()

/** A test in both browsers; `open` opens a device with the one in question. */
function inBoth(name, play) {
  test(`${name}, in Chromium`, () => play((options) => Device.open(browser, options)))
  test(`${name}, in Firefox`, () => play((options) => FirefoxDevice.open(options)))
}

function nothingWentWrong(...devices) {
  for (const device of devices) {
    assert.deepEqual(device.errors, [])
    assert.deepEqual(device.violations, [])
  }
}

inBoth('a passkey on one domain adds a passkey on another by the QR code', async (open) => {
  const laptop = await open()
  const phone = await open({ viewport: { width: 390, height: 844 } })
  const invited = await invite()

  await laptop.page.goto(linkOf(invited))
  await laptop.page.getByText(invited.username).waitFor()
  assert.equal(laptop.page.url(), `${one}/register`)
  await laptop.page.getByRole('button', { name: 'Make my passkey' }).click()
  await laptop.page.getByText(/^D1-/).waitFor()
  await laptop.page.getByRole('link', { name: 'Save as a file' }).click()
  await laptop.page.getByRole('button', { name: 'Continue' }).click()
  await laptop.page.getByRole('listitem', { name: laptop.name }).waitFor()

  const { link } = await getCode(laptop)
  await laptop.page.locator('.step', { hasText: 'Waiting for the other place' }).waitFor()
  const scanned = await scan(laptop)
  assert.equal(scanned, link)
  assert.ok(scanned.startsWith(`${two}/enrol#cc_`), scanned)

  await claim(phone, scanned)
  await phone.page.getByRole('heading', { name: 'Is this your account?' }).waitFor()
  const { host, hostname } = new URL(two)
  const says = `This adds a passkey for ${hostname} to ${invited.username}`
  await phone.page.getByText(says).waitFor()
  assert.equal(phone.page.url(), `${two}/enrol`)
  await laptop.page.locator('.step', { hasText: `Opened on ${host} from 127.0.0.1` }).waitFor()
  assert.equal((await phone.passkeys()).length, 0)

  await phone.page.getByLabel('Name of the passkey').fill('My phone')
  await phone.page.getByRole('button', { name: 'Create the passkey' }).click()
  await phone.page.getByRole('button', { name: 'Sign in with it' }).click()
  await phone.page.getByRole('heading', { name: 'It works' }).waitFor()
  assert.deepEqual((await phone.passkeys()).map(({ rpId }) => rpId), ['two.localhost'])

  await laptop.page.locator('.step', { hasText: 'The passkey is added' }).waitFor()
  await laptop.page.getByRole('listitem', { name: 'My phone' }).waitFor()
  await phone.page.getByRole('link', { name: 'Go to your account' }).click()
  const card = phone.page.getByRole('listitem', { name: 'My phone' })
  await card.getByText('This device, signed in').waitFor()
  await card.getByText('two.localhost', { exact: true }).waitFor()
  nothingWentWrong(laptop, phone)
})

test('the code may be typed, in small letters and without dashes', async () => {
  const laptop = await Device.open(browser)
  const phone = await Device.open(browser)
  await register(laptop)
  const { code } = await getCode(laptop)
  await phone.page.goto(`${two}/`)
  await phone.page.getByRole('link', { name: 'I have a code' }).click()
  await phone.page.getByLabel('Code').fill(code.toLowerCase().replaceAll('-', ''))
  await phone.page.getByRole('button', { name: 'Continue' }).click()
  await phone.page.getByRole('button', { name: 'Create the passkey' }).click()
  await phone.page.getByRole('heading', { name: 'Your passkey is added' }).waitFor()
  nothingWentWrong(laptop, phone)
})

test('whoever has a passkey signs in without a name, and out again', async () => {
  const device = await Device.open(browser)
  await withoutAutofill(device)
  const invited = await register(device)
  await device.page.getByRole('button', { name: 'Sign out' }).click()
  await device.page.getByText('You are signed out.').waitFor()
  await device.page.getByRole('button', { name: 'Sign in with a passkey' }).click()
  await device.page.getByText(`Signed in as ${invited.username}`).waitFor()
  nothingWentWrong(device)
})

test('a browser with autofill signs in where a name is typed', async () => {
  const device = await Device.open(browser)
  const invited = await register(device)
  // The virtual authenticator takes what is offered to be chosen.
  await device.page.getByRole('button', { name: 'Sign out' }).click()
  await device.page.getByText(`Signed in as ${invited.username}`).waitFor()
  nothingWentWrong(device)
})

/** Goes from one control to the next until the wanted one has the focus, as a keyboard does. */
async function tabTo({ page }, name) {
  for (let step = 0; step < 60; step += 1) {
    await page.keyboard.press('Tab')
    const focused = await page.evaluate(() => {
      const { activeElement } = document
      return activeElement.labels?.[0]?.textContent ?? activeElement.textContent
    })
    if (focused.trim().startsWith(name)) {
      const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle)
      assert.equal(outline, 'solid', `${name} does not show the focus`)
      return
    }
  }
  assert.fail(`${name} cannot be reached with the keyboard`)
}

inBoth('everything can be done with the keyboard alone', async (open) => {
  const laptop = await open()
  const phone = await open()
  const press = async (device, name) => {
    await tabTo(device, name)
    await device.page.keyboard.press('Enter')
  }
  await laptop.page.goto(linkOf(await invite()))
  await laptop.page.getByRole('button', { name: 'Make my passkey' }).waitFor()
  await press(laptop, 'Make my passkey')
  await laptop.page.getByText(/^D1-/).waitFor()
  await press(laptop, 'Save as a file')
  await press(laptop, 'Continue')
  await laptop.page.getByRole('listitem', { name: laptop.name }).waitFor()
  await tabTo(laptop, 'Where will you use it?')
  await laptop.page.keyboard.type('Two')
  await press(laptop, 'Get a code')
  await laptop.page.getByText('Open the link in this browser').waitFor()
  const code = await laptop.page.locator('#code-text').textContent()

  await phone.page.goto(`${two}/`)
  await press(phone, 'I have a code')
  // A minute runs: the field has the focus.
  await phone.page.waitForFunction(() => document.activeElement?.id === 'code')
  await phone.page.keyboard.type(code)
  await phone.page.keyboard.press('Enter')
  await phone.page.getByRole('heading', { name: 'Is this your account?' }).waitFor()
  await tabTo(phone, 'Name of the passkey')
  await phone.page.keyboard.press('ControlOrMeta+A')
  await phone.page.keyboard.type('By keyboard')
  await press(phone, 'Create the passkey')
  await phone.page.getByRole('heading', { name: 'Your passkey is added' }).waitFor()
  await press(phone, 'Sign in with it')
  await phone.page.getByRole('heading', { name: 'It works' }).waitFor()

  await laptop.page.getByRole('listitem', { name: 'By keyboard' }).waitFor()
  await press(laptop, 'Delete By keyboard')
  await laptop.page.getByRole('dialog').waitFor()
  await press(laptop, 'Delete')
  await laptop.page.getByText('It is deleted.').waitFor()
  nothingWentWrong(laptop, phone)
})

test('a second link in the same tab begins anew', async () => {
  const laptop = await Device.open(browser)
  await register(laptop)
  const phone = await Device.open(browser)
  await claim(phone, `${two}/enrol#cc_${'A'.repeat(43)}`)
  await phone.page.getByRole('alert').getByText('This code is not valid').waitFor()
  const { link } = await getCode(laptop)
  await enrol(phone, link)
  nothingWentWrong(laptop, phone)
})
