// `/account`: the recovery kit, which is kept before it takes the place of the one before.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'

import { Device, launch, press } from '../support/browser.js'
import { mailedCode } from '../support/latchkey.js'
import { callsTo, loseAnswer, one, register, settled } from '../support/pages.js'

const browser = await launch()

const card = ({ page }, name) => page.getByRole('listitem', { name, exact: true })

/** Presses the button of a dialog that asks whether it is really meant. */
const confirm = ({ page }, name) => page.getByRole('dialog').getByRole('button', { name }).click()

test('a new recovery kit takes the place of the old one when it is put into use, and no earlier', async () => {
  const laptop = await Device.open(browser)
  const { page } = laptop
  await register(laptop)
  const kit = card(laptop, 'Recovery kit')
  const number = page.locator('#kit-number')
  const old = (await kit.textContent()).match(/[A-Z2-9]{4}-[A-Z2-9]{4}/)[0]
  const saved = async () => {
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'Save as a file' }).click(),
    ])
    return readFile(await download.path(), 'utf8')
  }
  const notYet = 'Not before it was put into use where it was made.'
  await press(laptop, 'Make a new recovery kit')
  await page.getByText('Until you do, your old kit is good and this one is not.').waitFor()
  const discarded = await number.textContent()
  assert.notEqual(discarded, old)
  // One that is kept and not in use looks like none that is good, and nobody leaves it without being asked.
  assert.ok((await saved()).includes(notYet))
  await page.getByText('It is kept. Now put it into use below.').waitFor()
  await page.locator('.kit').getByText(notYet).waitFor()
  const asked = page.waitForEvent('dialog')
  const left = page.evaluate(() => location.reload())
  await (await asked).dismiss()
  await left
  await press(laptop, 'Do not use it')
  assert.equal(await number.count(), 0)

  await press(laptop, 'Make a new recovery kit')
  await page.getByText(/^D1-/).waitFor()
  const made = await number.textContent()
  await laptop.setUserVerified(false)
  await press(laptop, 'I have kept it: use this kit')
  await page.getByRole('alert').getByText('The prompt was closed').waitFor()
  await kit.getByText(old).waitFor()
  await laptop.setUserVerified(true)
  await press(laptop, 'I have kept it: use this kit')
  await page.getByText('This kit is in use now').waitFor()
  await kit.getByText(made).waitFor()
  assert.equal(await kit.count(), 1)
  // What is shown is on the page until it is kept.
  assert.ok(!(await saved()).includes(notYet))
  assert.equal(await page.locator('.kit').getByText(notYet).count(), 0)
  await press(laptop, 'Done')
  assert.equal(await page.getByText(/^D1-/).count(), 0)

  // A service of a release before leaves the old one, and the page says so instead of what it cannot know.
  await page.evaluate(() => {
    const { fetch } = globalThis
    globalThis.fetch = async (address, options) => {
      const answer = await fetch(address, options)
      if (options.method !== 'GET' || !String(address).endsWith('/auth/credentials')) {
        return answer
      }
      const { items } = await answer.json()
      const left = items.find(({ kind }) => kind === 'RecoveryKey')
      items.push({ ...left, credentialUuid: 'cr-left', credentialId: 'bGVmdA' })
      return Response.json({ items }, answer)
    }
  })
  await press(laptop, 'Make a new recovery kit')
  await press(laptop, 'I have kept it: use this kit')
  await page.getByRole('alert').getByText('an earlier one is not gone').waitFor()
  assert.deepEqual([laptop.errors, laptop.violations], [[], []])
})

test('a kit is not given up that is in use already, and nobody who leaves it is left without a word', async () => {
  const laptop = await Device.open(browser)
  const { page } = laptop
  await register(laptop)
  const kit = card(laptop, 'Recovery kit')
  const number = page.locator('#kit-number')
  const promise = page.getByText('Until you do, your old kit is good and this one is not.')
  const banner = page.getByText('You may never have seen your recovery kit')
  const alert = page.getByRole('alert')
  const lose = async (reaches) => {
    await page.locator('#recovery-make').click()
    await promise.waitFor()
    await loseAnswer(laptop, one, { path: '/auth/credentials', reaches })
    await press(laptop, 'I have kept it: use this kit')
    await alert.getByText('The service cannot be reached.').waitFor()
    assert.equal(await promise.isVisible(), false)
    return number.textContent()
  }
  const old = await kit.textContent()
  await lose(false)
  await press(laptop, 'Do not use it')
  await number.waitFor({ state: 'detached' })
  assert.equal(await kit.textContent(), old)
  assert.equal(await alert.textContent(), '')

  const used = await lose(true)
  // Nobody knows before the service can be asked.
  const json = { error: { code: 'unavailable', message: 'not now' } }
  await page.route('**/auth/credentials', (route) => route.fulfill({ status: 503, json }), { times: 1 })
  await press(laptop, 'Do not use it')
  await alert.getByText('The service cannot answer at present.').waitFor()
  assert.equal(await number.textContent(), used)
  await press(laptop, 'Do not use it')
  await alert.getByText('This kit is in use already').waitFor()
  await page.getByText('This kit is in use now').waitFor()
  await kit.getByText(used).waitFor()
  await press(laptop, 'Done')
  await banner.waitFor()

  // What was put into use is kept, as its owner says.
  await lose(true)
  await press(laptop, 'I have kept it: use this kit')
  await page.getByText('Your new recovery kit is in use').waitFor()
  await press(laptop, 'Done')
  assert.equal(await banner.isVisible(), false)

  // Who leaves instead is told of it.
  await lose(true)
  page.once('dialog', (dialog) => dialog.accept())
  await page.reload()
  await banner.waitFor()
  assert.deepEqual(laptop.violations, [])
})

test('whoever has no recovery kit is told so, makes one, and is back with what is typed from it', async () => {
  const laptop = await Device.open(browser)
  const { page } = laptop
  await page.addInitScript(() => {
    globalThis.copied = []
    let isAllowed = false
    navigator.clipboard.writeText = async (text) => {
      if (!isAllowed) {
        isAllowed = true
        throw new DOMException('not now', 'NotAllowedError')
      }
      globalThis.copied.push(text)
    }
  })
  const { username } = await register(laptop)
  const banner = page.getByText('You have no recovery kit')
  assert.equal(await banner.isVisible(), false)
  await press(laptop, 'Delete Recovery kit')
  await confirm(laptop, 'Delete')
  await banner.waitFor()
  const make = page.locator('#no-kit').getByRole('button', { name: 'Make a recovery kit' })
  // The kit comes where it is seen, on a telephone too.
  await page.setViewportSize({ width: 390, height: 844 })
  await page.evaluate(() => scrollTo(0, 0))
  await make.click()
  await page.waitForFunction(() => document.activeElement?.id === 'recovery-title')
  const shown = await page.locator('#kit-code').boundingBox()
  assert.ok(shown.y >= 0 && shown.y + shown.height <= 844, `the kit code is at ${shown.y}`)
  await press(laptop, 'I have kept it: use this kit')
  await page.getByText('This kit is in use now').waitFor()
  assert.equal(await banner.isVisible(), false)
  // Whoever takes it away again is not told that it is in use.
  await press(laptop, 'Delete Recovery kit')
  await confirm(laptop, 'Delete')
  await banner.waitFor()
  assert.equal(await page.getByText(/^D1-/).count(), 0)
  assert.equal(await page.getByRole('button', { name: 'Make a recovery kit', exact: true }).count(), 2)
  await make.click()
  const code = await page.getByText(/^D1-/).textContent()
  assert.equal(await banner.isVisible(), false)
  const number = await page.locator('#kit-number').textContent()
  // What is copied is a whole kit, as it is saved.
  const copy = page.getByRole('button', { name: 'Copy', exact: true })
  const said = page.locator('#kit-saved')
  await settled(laptop)
  await page.setViewportSize({ width: 320, height: 640 })
  await copy.evaluate((it) => it.scrollIntoView({ block: 'end', behavior: 'instant' }))
  const { y } = await copy.boundingBox()
  for (const words of ['Not copied.', 'Whole kit copied.']) {
    await copy.click()
    await said.getByText(words).waitFor()
    const place = await said.boundingBox()
    assert.ok(place.y >= 0 && place.y + place.height <= y, `${words} is not read: ${JSON.stringify({ place, y })}`)
    assert.equal((await copy.boundingBox()).y, y)
  }
  assert.equal(await page.locator('.messages').innerText(), '')
  const [copied] = await page.evaluate(() => globalThis.copied)
  for (const part of [username, number, code]) {
    assert.ok(copied.includes(part), part)
  }
  await press(laptop, 'I have kept it: use this kit')
  await card(laptop, 'Recovery kit').getByText(number).waitFor()
  await banner.waitFor({ state: 'hidden' })

  const lost = await Device.open(browser)
  const begun = callsTo(lost, '/auth/recover/user/init')
  await lost.page.goto(`${one}/recover`)
  await lost.page.getByLabel('User name').fill(username)
  await press(lost, 'Send me a code')
  await lost.page.getByLabel('Code from the mail').fill(await mailedCode(username, 'RecoveryCode'))
  await lost.page.locator('#recovery-code').fill(code.toLowerCase())
  const slip = number.replace(/^./, (symbol) => (symbol === 'A' ? 'B' : 'A'))
  await lost.page.locator('#number').fill(slip)
  await press(lost, 'Make a new passkey')
  await lost.page.getByRole('alert').getByText('The kit number is incomplete or mistyped.').waitFor()
  assert.deepEqual(begun, [])
  await lost.page.locator('#number').fill(number.toLowerCase().replace('-', ''))
  await press(lost, 'Make a new passkey')
  await lost.page.getByRole('heading', { name: 'You are back' }).waitFor()
  assert.deepEqual(begun.map(({ credentialId }) => credentialId), [number])
})
