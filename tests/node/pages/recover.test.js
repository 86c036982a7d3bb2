// `/recover`: whoever has lost every device is back with the mailbox and the saved kit.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'

import { Device, launch, press } from '../support/browser.js'
import { invite, latchkey, mailedCode, orgId } from '../support/latchkey.js'
import { callsTo, linkOf, loseAnswer, one, sendTwice, withoutAutofill } from '../support/pages.js'

const browser = await launch()

/** Registers somebody new, and gives the person and the file of the recovery kit. */
async function withKit({ page }, invitation = invite()) {
  const invited = await invitation
  const made = callsTo({ page }, '/auth/registration')
  await page.goto(linkOf(invited))
  await page.getByRole('button', { name: 'Make my passkey' }).click()
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'Save as a file' }).click(),
  ])
  const [{ recoveryCredential }] = made
  return { ...invited, kit: await download.path(), credentialId: recoveryCredential.credentialInfo.credId }
}

async function recover({ page }, { username, kit, typed = username }) {
  await page.goto(`${one}/recover`)
  await page.getByLabel('User name').fill(typed)
  await page.getByRole('button', { name: 'Send me a code' }).click()
  await page.getByLabel('Code from the mail').fill(await mailedCode(username, 'RecoveryCode'))
  await page.getByLabel('Saved kit').setInputFiles(kit)
  await page.waitForFunction(() => document.getElementById('recovery-code').value !== '')
  await page.getByRole('button', { name: 'Make a new passkey' }).click()
}

test('a file that is no kit, and the kit of somebody else, are refused, and nothing of them stays', async () => {
  const lost = await Device.open(browser)
  const other = await withKit(lost)
  const mine = await withKit(await Device.open(browser))
  const { page } = await Device.open(browser)
  await page.goto(`${one}/recover`)
  await page.getByLabel('User name').fill(` ${mine.username.toUpperCase()} `)
  await page.getByRole('button', { name: 'Send me a code' }).click()
  const file = page.getByLabel('Saved kit')
  const fields = () => Promise.all(['#number', '#recovery-code'].map((id) => page.locator(id).inputValue()))
  const filled = () => page.waitForFunction(() => document.getElementById('recovery-code').value !== '')
  const foreign = { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('Buy milk') }
  for (const [refused, words] of [
    [foreign, 'This file is no recovery kit'],
    [other.kit, 'the recovery kit of another user name'],
  ]) {
    await file.setInputFiles(mine.kit)
    await filled()
    assert.equal(await page.getByRole('alert').textContent(), '')
    await file.setInputFiles(refused)
    await page.getByRole('alert').getByText(words).waitFor()
    assert.deepEqual(await fields(), ['', ''])
  }
})

test('a saved kit and a mailed code give a new passkey and a new kit, and the old ones end', async () => {
  const lost = await Device.open(browser)
  const person = await withKit(lost)
  const device = await Device.open(browser)
  await recover(device, person)
  await device.page.getByRole('heading', { name: 'You are back' }).waitFor()
  await device.page.getByRole('link', { name: 'Save as a file' }).click()
  await device.page.getByRole('button', { name: 'Continue: sign in' }).click()
  await device.page.getByText(`Signed in as ${person.username}`).waitFor()
  const card = device.page.getByRole('listitem', { name: 'Chrome on Linux' })
  await card.waitFor()
  assert.equal(await card.count(), 1)
  assert.equal(await device.page.locator('#no-kit').isVisible(), false)
})

test('a kit opens however its user name is composed', async () => {
  const username = `j\u00fcrgen-${randomUUID()}@example.com`
  const invited = latchkey('user', 'invite', '--org', orgId, '--email', username)
  const person = await withKit(await Device.open(browser), invited)
  const device = await Device.open(browser)
  await recover(device, { ...person, typed: username.normalize('NFD').toUpperCase() })
  await device.page.getByRole('heading', { name: 'You are back' }).waitFor()
})

test('whoever leaves before the new kit is shown is told of it in the account, and can say that they have it', async () => {
  const person = await withKit(await Device.open(browser))
  const device = await Device.open(browser)
  const { page } = device
  await withoutAutofill(device)
  await loseAnswer(device, one, { path: '/auth/recover/user', reaches: true })
  await recover(device, person)
  await page.getByRole('alert').getByText('The service cannot be reached.').waitFor()
  await page.goto(`${one}/`)
  await press(device, 'Sign in with a passkey')
  const banner = page.getByText('You may never have seen your recovery kit')
  await banner.waitFor()
  await press(device, 'I have it')
  await banner.waitFor({ state: 'hidden' })
  await page.reload()
  await page.getByRole('listitem', { name: 'Recovery kit' }).waitFor()
  assert.equal(await banner.isVisible(), false)
  assert.deepEqual(device.violations, [])
})

test('whoever does not say that the new kit is kept, and leaves, has not kept it', async () => {
  const person = await withKit(await Device.open(browser))
  const device = await Device.open(browser)
  const { page } = device
  await recover(device, person)
  await page.getByRole('heading', { name: 'You are back' }).waitFor()
  const unkept = () => page.evaluate(() => JSON.parse(localStorage.getItem('latchkey.unkept')).length)
  await press(device, 'Continue: sign in')
  await press(device, 'Stay and keep it')
  page.on('dialog', (dialog) => dialog.accept())
  await page.reload()
  assert.equal(await unkept(), 1)
})

test('whoever goes on from the new kit without keeping it is asked, and then has kept it', async () => {
  const person = await withKit(await Device.open(browser))
  const device = await Device.open(browser)
  const { page } = device
  await recover(device, person)
  await page.getByRole('heading', { name: 'You are back' }).waitFor()
  await press(device, 'Continue: sign in')
  await page.getByRole('dialog', { name: 'You have not saved this kit' }).getByText('It is never shown again.').waitFor()
  await press(device, 'I have written it down')
  await page.getByText(`Signed in as ${person.username}`).waitFor()
  assert.equal(await page.evaluate(() => localStorage.getItem('latchkey.unkept')), '[]')
})

test('an answer to a recovery that is lost locks nobody out', async () => {
  for (const reaches of [false, true]) {
    const person = await withKit(await Device.open(browser))
    const device = await Device.open(browser)
    const { page } = device
    await loseAnswer(device, one, { path: '/auth/recover/user', reaches })
    await recover(device, person)
    await page.getByRole('alert').getByText('The service cannot be reached.').waitFor()
    await page.getByRole('button', { name: 'Make a new passkey' }).click()
    await page.getByRole('heading', { name: 'You are back' }).waitFor()
    assert.equal((await device.passkeys()).length, 1)
    await page.getByRole('link', { name: 'Save as a file' }).click()
    await page.getByRole('button', { name: 'Continue: sign in' }).click()
    await page.getByText(`Signed in as ${person.username}`).waitFor()
  }
})

test('a recovery that the browser has sent twice by itself gives its new kit', async () => {
  const person = await withKit(await Device.open(browser))
  const device = await Device.open(browser)
  const { page } = device
  await sendTwice(device, one, '/auth/recover/user')
  await recover(device, person)
  await page.getByRole('heading', { name: 'You are back' }).waitFor()
  await page.getByRole('link', { name: 'Save as a file' }).click()
  await press(device, 'Continue: sign in')
  await page.getByText(`Signed in as ${person.username}`).waitFor()
  assert.equal((await device.passkeys()).length, 1)
})

test('a recovery goes on when its page is loaded anew, and a kit that is gone is named so', async () => {
  const person = await withKit(await Device.open(browser))
  const device = await Device.open(browser)
  const { page } = device
  await page.goto(`${one}/recover`)
  // Whose code it is has to be said first.
  await press(device, 'I have a code already')
  assert.equal(await page.getByRole('heading', { name: 'Then, your recovery kit' }).isVisible(), false)
  await page.getByLabel('User name').fill(person.username)
  await press(device, 'Send me a code')
  await page.getByText('a code is on its way to its mailbox').waitFor()
  await page.reload()
  await page.getByText('A code is good once').waitFor()
  await page.getByLabel('Code from the mail').fill(await mailedCode(person.username, 'RecoveryCode'))
  await page.locator('#number').fill('4JFC-WM3S')
  await page.locator('#recovery-code').fill('D1-AAAAAA-AAAAA-AAAAA-AAAAA-AAAAA-AAAAAA')
  await press(device, 'Make a new passkey')
  await page.getByRole('alert').getByText('it was deleted or replaced by a newer one').waitFor()
  assert.equal(await page.locator('#number').getAttribute('aria-invalid'), 'true')
  // The code from the mail is as good as before.
  await page.getByLabel('Saved kit').setInputFiles(person.kit)
  await page.waitForFunction(() => document.getElementById('number').value !== '4JFC-WM3S')
  assert.equal(await page.locator('#number').getAttribute('aria-invalid'), null)
  // So it is after a reload, although it has been used by then.
  const begun = callsTo(device, '/auth/recover/user/init')
  await device.setUserVerified(false)
  await press(device, 'Make a new passkey')
  await page.getByRole('alert').getByText('The prompt was closed').waitFor()
  await page.reload()
  await page.getByLabel('Saved kit').setInputFiles(person.kit)
  await page.waitForFunction(() => document.getElementById('recovery-code').value !== '')
  await device.setUserVerified(true)
  await press(device, 'Make a new passkey')
  await page.getByRole('heading', { name: 'You are back' }).waitFor()
  assert.equal(begun.length, 1)
  // What is over is kept no longer; and whoever has a code asks for none.
  await page.getByRole('link', { name: 'Save as a file' }).click()
  await page.goto(`${one}/recover`)
  await page.getByLabel('User name').fill(person.username)
  await press(device, 'I have a code already')
  await page.getByText('A code is good once').waitFor()
  assert.deepEqual(device.violations, [])
})

test('who has no mailbox is told to ask an administrator for the code', async () => {
  const device = await Device.open(browser)
  const { page } = device
  const username = `machine-${randomUUID()}`
  await page.goto(linkOf(await latchkey('user', 'invite', '--org', orgId, '--username', username)))
  await page.getByRole('button', { name: 'Make my passkey' }).click()
  await page.getByText('With the kit and a code from your administrator you get back in').waitFor()
  assert.equal(await page.getByText('your mailbox').isVisible(), false)
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'Save as a file' }).click(),
  ])
  const saved = await readFile(await download.path(), 'utf8')
  assert.ok(saved.includes('With this and a code from your administrator you get back'), saved)
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.getByText('With the kit and a code from your administrator you get back in').waitFor()

  const lost = await Device.open(browser)
  await lost.page.goto(`${one}/recover`)
  await lost.page.getByLabel('User name').fill(username)
  await press(lost, 'Send me a code')
  await lost.page.getByText('ask your administrator for the code').waitFor()
  await lost.page.getByLabel('Code from the mail').fill(await mailedCode(username, 'RecoveryCode'))
  await lost.page.getByLabel('Saved kit').setInputFiles(await download.path())
  await lost.page.waitForFunction(() => document.getElementById('recovery-code').value !== '')
  await press(lost, 'Make a new passkey')
  await lost.page.getByRole('heading', { name: 'You are back' }).waitFor()
  assert.deepEqual([device.violations, lost.violations], [[], []])
})

test('an older kit, whose number is the credential id and whose code has another name, is good still', async () => {
  const person = await withKit(await Device.open(browser))
  const saved = await readFile(person.kit, 'utf8')
  const older = saved
    .replace(/^Kit number .*$/m, `Kit number     ${person.credentialId}`)
    .replace(/^Kit code /m, 'Recovery code ')
  assert.notEqual(older, saved)
  const device = await Device.open(browser)
  const kit = { name: 'kit.txt', mimeType: 'text/plain', buffer: Buffer.from(older) }
  await recover(device, { ...person, kit })
  await device.page.getByRole('heading', { name: 'You are back' }).waitFor()
  assert.match(await device.page.locator('#kit-number').textContent(), /^[A-HJ-NP-Z2-9]{4}-[A-HJ-NP-Z2-9]{4}$/)
})
