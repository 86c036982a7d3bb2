// Where the organization asks for approval, the owner decides what the other place may add.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'

import { Device, holds, launch } from '../support/browser.js'
import { baseUrl } from '../support/latchkey.js'
import {
  VERIFY,
  at,
  claim,
  getCode,
  getCodeElsewhere,
  letAsk,
  loseAnswer,
  organization,
  register,
  withoutAnswers,
} from '../support/pages.js'

const browser = await launch()

const three = at('three')

let invitation

before(async () => {
  invitation = await organization(['three', 'four'], '--approval', 'always')
})

/** A phone that has added a passkey with the code of a link, and waits. */
async function added(link, name) {
  const phone = await Device.open(browser)
  await claim(phone, link)
  await phone.page.getByLabel('Name of the passkey').fill(name)
  await phone.page.getByRole('button', { name: 'Create the passkey' }).click()
  await phone.page.getByRole('heading', { name: 'Waiting for your approval' }).waitFor()
  return phone
}

/** A passkey that the phone has added and that waits for the laptop. */
async function waiting(laptop, name, place = 'four') {
  const { link } = await getCode(laptop, place)
  const phone = await added(link, name)
  const question = laptop.page.locator('#code-approval')
  await question.getByRole('heading', { name: 'Is this you?' }).waitFor()
  return { phone, question }
}

/** The number that is shown where the passkey was made. */
const numberOn = ({ page }) => page.locator('#waiting-number').textContent()

test('what waits is shown, and approved or refused', async () => {
  const laptop = await Device.open(browser)
  await register(laptop, three, invitation)

  const refused = await waiting(laptop, 'Somebody else')
  for (const fact of ['Somebody else', 'four', new URL(at('four')).host, '127.0.0.1']) {
    await refused.question.getByText(fact, { exact: true }).waitFor()
  }
  const age = refused.question.getByText(/^\d+ seconds? ago$/)
  const first = await age.textContent()
  // What is shown goes on.
  await refused.question.locator('time').filter({ hasNotText: first }).waitFor()
  await refused.question.getByRole('button', { name: 'refuse' }).click()
  await laptop.page.locator('.step', { hasText: 'The passkey was refused' }).waitFor()
  await laptop.page.waitForFunction(() => document.activeElement?.id === 'code-title')
  await refused.phone.page.getByText('The passkey was refused on your other device.').waitFor()
  await refused.phone.page.getByText('The passkey that this device made opens nothing').waitFor()
  await holds(refused.phone, 0)
  assert.equal(await laptop.page.getByRole('listitem', { name: 'Somebody else' }).count(), 0)

  const approved = await waiting(laptop, 'My phone')
  // It is asked again after the page is loaded anew.
  await laptop.page.reload()
  const card = laptop.page.getByRole('listitem', { name: 'My phone' })
  await card.getByText('Waits for your approval').waitFor()
  assert.deepEqual(await card.getByRole('button').allTextContents(), ['Delete My phone'])
  // So does the other page show the same number again.
  const number = await numberOn(approved.phone)
  await approved.phone.page.reload()
  await approved.phone.page.getByRole('heading', { name: 'Waiting for your approval' }).waitFor()
  assert.equal(await numberOn(approved.phone), number)
  // "Not now" ends no waiting, on neither side.
  await withoutAnswers(approved.phone, '/auth/credentials/code/status', 429)
  await withoutAnswers(laptop, '/auth/credentials/code', 503)
  const numbers = approved.question.locator('#code-approval-numbers').getByRole('button')
  assert.equal(await numbers.count(), 3)
  await approved.question.getByRole('button', { name: number, exact: true }).click()
  await laptop.page.locator('.step', { hasText: 'The passkey is added' }).waitFor()
  await laptop.page.getByRole('listitem', { name: 'My phone' }).getByText('Active', { exact: true }).waitFor()
  await approved.phone.page.getByRole('button', { name: 'Sign in with it' }).click()
  await approved.phone.page.getByRole('heading', { name: 'It works' }).waitFor()
  for (const device of [laptop, refused.phone, approved.phone]) {
    assert.deepEqual(device.errors, [])
    assert.deepEqual(device.violations, [])
  }
})

test('a number is shown although the answer that brought it was lost', async () => {
  const laptop = await Device.open(browser)
  const invited = await organization(['seven', 'eight'], '--approval', 'always')
  await register(laptop, at('seven'), invited)
  const { link } = await getCode(laptop, 'eight')
  const phone = await Device.open(browser)
  await claim(phone, link)
  const create = phone.page.getByRole('button', { name: 'Create the passkey' })
  await create.waitFor()
  await loseAnswer(phone, at('eight'), { path: VERIFY, reaches: true })
  await create.click()
  await phone.page.getByRole('alert').getByText('The service cannot be reached.').waitFor()
  const question = laptop.page.locator('#code-approval')
  await question.getByText('No number there, or none of these?').waitFor()
  // Sent again, it waits since it was sent first.
  const ceremony = () => phone.page.evaluate(() => JSON.parse(sessionStorage.getItem('latchkey.enrol')).value)
  const { sentAt } = await ceremony()
  await create.click()
  await phone.page.getByRole('heading', { name: 'Waiting for your approval' }).waitFor()
  const { made } = await ceremony()
  assert.equal(made.until - sentAt, 5 * 60_000)
  await phone.page.evaluate(() => {
    const tab = JSON.parse(sessionStorage.getItem('latchkey.enrol'))
    delete tab.value.made
    sessionStorage.setItem('latchkey.enrol', JSON.stringify(tab))
  })
  await phone.page.reload()
  await phone.page.getByRole('heading', { name: 'Waiting for your approval' }).waitFor()
  const number = await numberOn(phone)
  await question.getByRole('button', { name: number, exact: true }).click()
  await phone.page.getByRole('heading', { name: 'Your passkey is added' }).waitFor()
})

test('a passkey waits since it was sent for the time that it arrived', async () => {
  const laptop = await Device.open(browser)
  const invited = await organization(['eleven', 'twelve'], '--approval', 'always')
  await register(laptop, at('eleven'), invited)
  const { link } = await getCode(laptop, 'twelve')
  const phone = await Device.open(browser)
  await claim(phone, link)
  const create = phone.page.getByRole('button', { name: 'Create the passkey' })
  const lose = async (reaches) => {
    await create.waitFor()
    await loseAnswer(phone, at('twelve'), { path: VERIFY, reaches })
    await create.click()
    await phone.page.getByRole('alert').getByText('The service cannot be reached.').waitFor()
  }
  await lose(false)
  // As if that had been a minute ago.
  const first = await phone.page.evaluate(() => {
    const tab = JSON.parse(sessionStorage.getItem('latchkey.enrol'))
    const { sentAt } = tab.value
    tab.value.sentAt -= 60_000
    sessionStorage.setItem('latchkey.enrol', JSON.stringify(tab))
    return sentAt
  })
  await phone.page.reload()
  await lose(true)
  await create.click()
  await phone.page.getByRole('heading', { name: 'Waiting for your approval' }).waitFor()
  const { made } = await phone.page.evaluate(() => JSON.parse(sessionStorage.getItem('latchkey.enrol')).value)
  assert.ok(made.until - first > 4.5 * 60_000)
})

test('the owner reads roughly where a code was entered, and where what waits is', async () => {
  const laptop = await Device.open(browser)
  const invited = await organization(['thirteen', 'fourteen'], '--approval', 'always')
  await register(laptop, at('thirteen'), invited)
  const { question } = await waiting(laptop, 'My phone', 'fourteen')
  // As if the service had a file that tells of this address.
  const location = 'Berlin, Germany'
  await laptop.page.route('**/auth/credentials/code', async (route) => {
    const { authorization } = route.request().headers()
    // The browser knows where its name leads, this program need not.
    const url = new URL('/auth/credentials/code', baseUrl)
    const answer = await fetch(url, { headers: { authorization, origin: at('thirteen') } })
    const { approval, claim, ...code } = await answer.json()
    const credential = { ...approval.credential, location }
    await route.fulfill({ json: { ...code, approval: { ...approval, credential }, claim: { ...claim, location } } })
  })
  await laptop.page.reload()
  const words = 'from 127.0.0.1, in or near Berlin, Germany as far as the address tells'
  await laptop.page.locator('.step', { hasText: words }).waitFor()

  // It is English in every language, and said to be.
  await laptop.context.setExtraHTTPHeaders({ 'accept-language': 'de' })
  await laptop.page.reload()
  await question.getByText('127.0.0.1, in oder bei Berlin, Germany, soweit die Adresse das verrät').waitFor()
  assert.equal(await question.locator('[lang=en]').textContent(), location)
})

test('a number that is not the one of the other place refuses', async () => {
  const laptop = await Device.open(browser)
  const invited = await organization(['five', 'six'], '--approval', 'always')
  await register(laptop, at('five'), invited)
  const { phone, question } = await waiting(laptop, 'Somebody else', 'six')
  const number = await numberOn(phone)
  const choices = question.locator('#code-approval-numbers').getByRole('button')
  await choices.filter({ hasNotText: number }).first().click()
  await laptop.page.getByRole('alert').getByText('That is not the number').waitFor()
  await laptop.page.locator('.step', { hasText: 'The passkey was refused' }).waitFor()
  await phone.page.getByText('The passkey was refused on your other device.').waitFor()
  assert.equal(await laptop.page.getByRole('listitem', { name: 'Somebody else' }).count(), 0)
})

test('what waits since a newer code is asked about in the place of what does not wait any more', async () => {
  const laptop = await Device.open(browser)
  const { page } = laptop
  const invited = await organization(['quince', 'damson'], '--approval', 'always')
  await register(laptop, at('quince'), invited)
  const { question } = await waiting(laptop, 'Somebody else', 'damson')
  // The page hears nothing of what is done elsewhere.
  const lose = (route) => (route.request().method() === 'GET' ? route.abort() : route.continue())
  await page.route('**/auth/credentials/code', lose)
  await page.getByText('The service cannot be reached; still trying.').waitFor()
  const phone = await added(await getCodeElsewhere(laptop, at('damson')), 'My phone')
  await question.getByText('Somebody else', { exact: true }).waitFor()
  await page.route('**/auth/credentials/code/refuse', async (route) => {
    await page.unroute('**/auth/credentials/code')
    await route.continue()
  })
  await question.getByRole('button', { name: 'refuse' }).click()
  await page.getByRole('alert').getByText('This can be decided no more').waitFor()
  await question.getByText('My phone', { exact: true }).waitFor()
  assert.equal(await question.getByText('Somebody else').count(), 0)
  await page.waitForFunction(() => document.activeElement?.id === 'code-approval-title')
  await question.getByRole('button', { name: await numberOn(phone), exact: true }).click()
  await phone.page.getByRole('heading', { name: 'Your passkey is added' }).waitFor()
})

test('who has shown a code is asked a second time in words for that, and need not wait', async () => {
  const laptop = await Device.open(browser)
  const made = await organization(['nine', 'ten'], '--approval', 'always')
  await letAsk(made, 'ten', 'anywhere')
  await register(laptop, at('nine'), made)
  const television = await Device.open(browser)
  const { page } = television
  await page.goto(`${at('ten')}/enrol`)
  await page.getByRole('button', { name: 'Show a code here instead' }).click()
  await page.getByRole('heading', { name: 'Approve this device on your other one' }).waitFor()
  await laptop.page.getByLabel('Code on the device').fill(await page.locator('#ask-code').textContent())
  await laptop.page.getByRole('button', { name: 'Look at it' }).click()
  const first = await page.locator('#ask-number').textContent()
  // What was approved is known although the service cannot tell of it for a moment.
  const json = { error: { code: 'unavailable', message: 'not now' } }
  await laptop.page.route('**/auth/credentials/code', (route) => route.fulfill({ status: 503, json }), { times: 1 })
  await laptop.page.locator('#grant-numbers').getByRole('button', { name: first, exact: true }).click()
  await page.getByRole('button', { name: 'Create the passkey' }).click()
  await page.getByText('You are asked once more, for the number that you see here now:').waitFor()
  assert.equal(await page.getByText('Go back to where you got the code').isVisible(), false)
  await page.locator('#waiting-left', { hasText: /^[0-5]:\d\d left$/ }).waitFor()
  const question = laptop.page.locator('#code-approval')
  await question.getByText('You have approved the device.').waitFor()

  // Who does something else meanwhile gives nothing up: the number is there as long as its owner is asked for it.
  const waits = page.getByRole('heading', { name: 'Waiting for your approval' })
  const number = await numberOn(television)
  const goBack = page.getByRole('button', { name: 'Go on with the earlier one' })
  for (const back of [() => goBack.click(), () => page.reload()]) {
    await page.getByRole('button', { name: 'Enter another code' }).click()
    await goBack.waitFor()
    await back()
    await waits.waitFor()
    assert.equal(await numberOn(television), number)
  }
  await question.getByRole('button', { name: 'refuse' }).click()
  await laptop.page.locator('.step', { hasText: 'The passkey was refused' }).waitFor()
  await page.getByRole('button', { name: 'Show a new code' }).click()
  await page.getByRole('heading', { name: 'Approve this device on your other one' }).waitFor()
  for (const device of [laptop, television]) {
    assert.deepEqual([device.errors, device.violations], [[], []])
  }
})
