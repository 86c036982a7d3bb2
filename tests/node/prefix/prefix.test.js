// The pages below a path, on hosts whose `/` is somebody else's.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Device, launch } from '../support/browser.js'
import { baseUrl, invite } from '../support/latchkey.js'
import { enrol, getCode, one, two, withoutAutofill } from '../support/pages.js'

const browser = await launch()

test('who registers, adds a passkey and signs out never leaves the prefix', async () => {
  const invited = await invite()
  assert.ok(invited.registrationUrl.startsWith(`${one}/key/register#`), invited.registrationUrl)
  const laptop = await Device.open(browser)
  const { page } = laptop
  await withoutAutofill(laptop)
  const asked = []
  page.on('request', (request) => asked.push(new URL(request.url())))
  await page.goto(invited.registrationUrl)
  await page.getByRole('button', { name: 'Make my passkey' }).click()
  await page.getByRole('link', { name: 'Save as a file' }).click()
  const kit = await page.locator('#kit-page').textContent()
  assert.equal(kit, `${new URL(one).host}/key/recover`)
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.getByRole('listitem', { name: 'Chrome on Linux' }).waitFor()
  assert.equal(page.url(), `${one}/key/account`)
  const { link } = await getCode(laptop)
  assert.ok(link.startsWith(`${two}/key/enrol#`), link)

  const phone = await Device.open(browser)
  await enrol(phone, link, 'My phone')
  await phone.page.getByRole('button', { name: 'Sign in with it' }).click()
  await phone.page.getByRole('link', { name: 'Go to your account' }).click()
  await phone.page.getByRole('listitem', { name: 'My phone' }).waitFor()
  assert.equal(phone.page.url(), `${two}/key/account`)

  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByText('You are signed out.').waitFor()
  assert.equal(page.url(), `${one}/key/`)
  await page.getByRole('link', { name: 'I have a code' }).click()
  await page.getByRole('heading', { name: 'Enter the code' }).waitFor()
  assert.equal(page.url(), `${one}/key/enrol`)
  // Of the host, only the prefix and the API are asked.
  const others = asked.filter(({ protocol, pathname }) => {
    return protocol === 'http:' && !/^\/(key|auth)\//.test(pathname)
  })
  assert.deepEqual(others.map(String), [])
  for (const device of [laptop, phone]) {
    assert.deepEqual([device.errors, device.violations], [[], []])
  }
})

test('nothing is at the root, and what is refused leads back to the pages', async () => {
  const { page } = await Device.open(browser)
  for (const path of ['/', '/enrol', '/docs']) {
    const answer = await page.goto(`${one}${path}`)
    assert.equal(answer.status(), 404, path)
  }
  await page.getByRole('link', { name: 'the beginning' }).click()
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  assert.equal(page.url(), `${one}/key/`)
  await page.goto(`${one}/key`)
  assert.equal(page.url(), `${one}/key/`)
  const docs = await page.goto(new URL('/key/docs', baseUrl).href)
  assert.equal(docs.status(), 200)
  await page.getByRole('heading', { name: 'API reference' }).waitFor()
})
