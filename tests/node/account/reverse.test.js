// A place where nothing can be typed shows a code, and who is signed in elsewhere approves it.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Device, launch } from '../support/browser.js'
import { baseUrl } from '../support/latchkey.js'
import {
  at,
  callsTo,
  getCode,
  letAsk,
  loseAnswer,
  organization,
  register,
  scan,
  two,
  withoutAnswers,
  withoutAutofill,
} from '../support/pages.js'

const browser = await launch()

/** Lets a place show a code, and answers that with the number beside it. */
async function showCode({ page }) {
  await page.getByRole('button', { name: 'Show a code here instead' }).click()
  return shown({ page })
}

async function shown({ page }) {
  await page.getByRole('heading', { name: 'Approve this device on your other one' }).waitFor()
  const [code, number] = ['#ask-code', '#ask-number'].map((id) => page.locator(id).textContent())
  return { code: await code, number: await number }
}

/** What nobody scrolls to is seen all the same: on a television there may be nothing to scroll with. */
async function isInSight({ page }, ...ids) {
  for (const id of ids) {
    const { y, height } = await page.locator(id).boundingBox()
    assert.ok(y >= 0 && y + height <= page.viewportSize().height, `${id} is at ${y}, and ${height} high`)
  }
}

const choices = ({ page }) => page.locator('#grant-numbers').getByRole('button')

test('a place shows a code, and gets its passkey when it is approved elsewhere', async () => {
  const made = await organization(['showing', 'approving'])
  await letAsk(made, 'showing', 'same-network')
  const phone = await Device.open(browser)
  await register(phone, at('approving'), made)
  const television = await Device.open(browser)
  await television.page.goto(`${at('showing')}/enrol`)

  // The picture leads to the account page there; any other one of the organization takes the code too.
  const first = await showCode(television)
  assert.match(first.code, /^[A-Z2-9]{3}(-[A-Z2-9]{3}){2}$/)
  assert.equal(await scan(television, '#ask-picture'), `${at('showing')}/account#request=${first.code}`)
  await television.page.reload()
  assert.deepEqual(await shown(television), first)
  await isInSight(television, '#ask-code', '#ask-number', '#ask-picture')

  // Nothing is done by opening a link.
  const looks = callsTo(phone, '/auth/credentials/code/request/find')
  await phone.page.goto('about:blank')
  await phone.page.goto(`${at('approving')}/account#request=${first.code}`)
  await phone.page.getByRole('button', { name: 'Look at it' }).waitFor()
  assert.equal(await phone.page.getByLabel('Code on the device').inputValue(), first.code)
  assert.equal(phone.page.url(), `${at('approving')}/account`)
  assert.deepEqual(looks, [])
  // It is there until it is decided, whatever loads the page anew.
  const again = async () => {
    await phone.page.reload()
    await phone.page.getByRole('button', { name: 'Look at it' }).waitFor()
    return phone.page.getByLabel('Code on the device').inputValue()
  }
  assert.equal(await again(), first.code)
  await phone.page.getByRole('button', { name: 'Look at it' }).click()
  await phone.page.getByRole('heading', { name: 'Is this device in front of you?' }).waitFor()
  assert.equal(await again(), first.code)
  await phone.page.getByRole('button', { name: 'Look at it' }).click()
  await phone.page.getByRole('heading', { name: 'Is this device in front of you?' }).waitFor()
  const facts = phone.page.locator('#grant-facts')
  for (const fact of ['Passkey', 'showing', new URL(at('showing')).host, '127.0.0.1', /^\d+ seconds? ago$/]) {
    await facts.getByText(fact, { exact: true }).waitFor()
  }
  await phone.page.getByText('It is in the same network as you.').waitFor()
  assert.equal(await choices(phone).count(), 3)
  await isInSight(phone, '#grant-question-title', '#grant-numbers')
  const isForProgram = phone.page.getByText('This is no passkey: it is a key for a program')
  assert.equal(await isForProgram.isVisible(), false)

  // Another number than the place shows refuses it, for good.
  await choices(phone).filter({ hasNotText: first.number }).first().click()
  await phone.page.getByRole('alert').getByText('That is not the number on the device').waitFor()
  assert.equal(await again(), '')
  await television.page.getByText('another number was chosen').waitFor()
  await television.page.getByRole('button', { name: 'Enter another code' }).waitFor()
  await television.page.getByRole('button', { name: 'Show a new code' }).click()
  const second = await shown(television)
  assert.notEqual(second.code, first.code)
  await phone.page.getByLabel('Code on the device').fill(second.code.toLowerCase().replaceAll('-', ' '))
  await phone.page.getByRole('button', { name: 'Look at it' }).click()
  await phone.page.getByRole('heading', { name: 'Is this device in front of you?' }).waitFor()
  // What was typed is there as long, once it was found.
  assert.equal(await again(), second.code)
  await phone.page.getByRole('button', { name: 'Look at it' }).click()
  await choices(phone).filter({ hasText: second.number }).click()
  await television.page.getByRole('heading', { name: 'Is this your account?' }).waitFor()
  await television.page.getByLabel('Name of the passkey').fill('Television')
  await television.page.getByRole('button', { name: 'Create the passkey' }).click()
  await television.page.getByRole('heading', { name: 'Your passkey is added' }).waitFor()
  await phone.page.locator('.step', { hasText: 'The passkey is added' }).waitFor()
  await phone.page.getByRole('listitem', { name: 'Television' }).getByText('Active', { exact: true }).waitFor()
  await television.page.getByRole('button', { name: 'Sign in with it' }).click()
  await television.page.getByRole('heading', { name: 'It works' }).waitFor()

  // A program asks for another kind, and the owner is told so.
  const asked = await fetch(new URL('/auth/credentials/code/request', baseUrl), {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: at('showing') },
    body: JSON.stringify({ orgId: made.orgId, credentialKind: 'Key' }),
  })
  const { code } = await asked.json()
  await phone.page.getByLabel('Code on the device').fill(code)
  await phone.page.getByRole('button', { name: 'Look at it' }).click()
  await facts.getByText('Key', { exact: true }).waitFor()
  await isForProgram.waitFor()
  const refuse = phone.page.locator('#grant-question').getByRole('button', { name: 'I see none of them: refuse' })
  const isRefused = phone.page.getByText('The device was refused, and its code has ended.')
  await refuse.click()
  await isRefused.waitFor()
  assert.equal(await phone.page.evaluate(() => document.activeElement.id), 'grant-title')

  // The place is told so at once, and nobody finds its code again.
  await television.page.goto(`${at('showing')}/enrol`)
  const third = await showCode(television)
  const look = async () => {
    await phone.page.getByLabel('Code on the device').fill(third.code)
    await phone.page.getByRole('button', { name: 'Look at it' }).click()
  }
  await look()
  const json = { error: { code: 'unavailable', message: 'not now' } }
  await phone.page.route('**/code/request/refuse', (route) => route.fulfill({ status: 503, json }), { times: 1 })
  await refuse.click()
  await phone.page.getByRole('alert').getByText('The service cannot answer at present.').waitFor()
  // So it is answered to whoever has gone to another network meanwhile.
  const far = { error: { code: 'other_network', message: 'elsewhere' } }
  await phone.page.route('**/code/request/refuse', (route) => route.fulfill({ status: 403, json: far }), { times: 1 })
  await refuse.click()
  await phone.page.getByRole('alert').getByText('can be approved or refused from its own one only').waitFor()
  await refuse.click()
  await isRefused.waitFor()
  await television.page.getByText('This device was refused on your other one').waitFor()
  await look()
  await phone.page.getByRole('alert').getByText('No device shows this code, or not any more').waitFor()

  // What is over, or never was, is said.
  // A link that is pasted whole is its code, which stays until it was found.
  const entered = phone.page.getByLabel('Code on the device')
  await entered.fill(` ${at('showing')}/account#request=${second.code}`)
  assert.equal(await entered.inputValue(), second.code)
  await phone.page.getByRole('button', { name: 'Look at it' }).click()
  await phone.page.getByRole('alert').getByText('No device shows this code, or not any more').waitFor()
  assert.equal(await entered.inputValue(), second.code)
  for (const device of [phone, television]) {
    assert.deepEqual(device.errors, [])
    assert.deepEqual(device.violations, [])
  }
})

test('who scans a code signs in where they have a passkey, and who shows one can enter one instead', async () => {
  const made = await organization(['shown', 'reading'])
  await letAsk(made, 'shown', 'anywhere')
  const place = await Device.open(browser)
  await place.page.goto(`${at('shown')}/enrol`)
  await showCode(place)
  // What is typed goes to where there may be a passkey.
  const { host } = new URL(at('reading'))
  assert.equal(await place.page.locator('#ask-where').textContent(), `${host}/account`)

  // "Not now" ends no waiting.
  await withoutAnswers(place, '/auth/credentials/code/request/status', 503)

  const other = await Device.open(browser)
  await withoutAutofill(other)
  await register(other, at('reading'), made)
  await other.page.getByRole('button', { name: 'Sign out' }).click()
  await other.page.getByText('You are signed out.').waitFor()
  const elsewhere = other.page.getByRole('link', { name: `reading (${host})` })
  assert.equal(await elsewhere.isVisible(), false)
  await other.page.goto(await scan(place, '#ask-picture'))
  const told = other.page.getByText('Sign in, and the device that shows the code can be approved.')
  await told.waitFor()
  assert.equal(new URL(other.page.url()).origin, at('shown'))
  await elsewhere.click()
  await other.page.waitForURL(`${at('reading')}/`)
  await told.waitFor()
  await other.page.getByRole('button', { name: 'Sign in with a passkey' }).click()
  // As it is told to who is somewhere else.
  const find = '/auth/credentials/code/request/find'
  await other.page.route(`**${find}`, async (route) => {
    const { authorization } = route.request().headers()
    const headers = { authorization, 'content-type': 'application/json', origin: at('reading') }
    // The browser knows where its name leads, this program need not.
    const answer = await fetch(`${baseUrl}${find}`, { method: 'POST', headers, body: route.request().postData() })
    await route.fulfill({ json: { ...(await answer.json()), location: 'Berlin, Germany', sameNetwork: false } })
  })
  await other.page.getByRole('button', { name: 'Look at it' }).click()
  await other.page.getByText('It is in a different network from yours.').waitFor()
  await other.page.getByText(', in or near Berlin, Germany as far as the address tells').waitFor()
  assert.equal(await other.page.locator('#grant-facts [lang=en]').textContent(), 'Berlin, Germany')
  assert.equal(await other.page.getByText('It is in the same network as you.').isVisible(), false)
  // Nor does it lose what was granted.
  const goesOn = withoutAnswers(place, '/auth/credentials/code/init', 429)
  // Nobody refuses what is being approved.
  const refusals = callsTo(other, '/auth/credentials/code/request/refuse')
  let letGo
  const held = new Promise((resolve) => (letGo = resolve))
  const hold = async (route) => {
    await held
    await route.continue()
  }
  await other.page.route('**/auth/credentials/code/request/grant', hold, { times: 1 })
  const approved = other.page.waitForRequest('**/auth/credentials/code/request/grant')
  await choices(other).filter({ hasText: (await shown(place)).number }).click()
  await approved
  await other.page.locator('#grant-no').click()
  letGo()
  await goesOn
  await place.page.getByRole('button', { name: 'Create the passkey' }).click()
  await place.page.getByRole('heading', { name: 'Your passkey is added' }).waitFor()
  await other.page.locator('.step', { hasText: 'The passkey is added' }).waitFor()
  assert.deepEqual([other.errors, other.violations], [[], []])

  // To open a link with another code does not end it.
  await place.page.goto(`${at('shown')}/enrol`)
  const before = await showCode(place)
  await place.page.goto('about:blank')
  await place.page.goto(`${at('shown')}/enrol#AAA-AAA-AAA`)
  assert.deepEqual(await showCode(place), before)
  await place.page.getByRole('button', { name: 'Enter a code here' }).click()
  await place.page.getByLabel('Code').waitFor()
  await place.page.reload()
  await place.page.getByRole('heading', { name: 'Enter the code' }).waitFor()

  // Who refuses what was approved, by an answer that was lost or in another tab, is told of the code that there is.
  const granted = await showCode(place)
  const look = async ({ code }) => {
    await other.page.getByLabel('Code on the device').fill(code)
    await other.page.getByRole('button', { name: 'Look at it' }).click()
  }
  const refuse = other.page.locator('#grant-no')
  const alert = other.page.getByRole('alert')
  await look(granted)
  let go
  const untilThen = new Promise((resolve) => (go = resolve))
  const wait = async (route) => {
    await untilThen
    await route.continue()
  }
  await place.page.route('**/auth/credentials/code/init', wait, { times: 1 })
  await loseAnswer(other, at('reading'), { path: '/auth/credentials/code/request/grant', reaches: true })
  await choices(other).filter({ hasText: granted.number }).click()
  await alert.getByText('The service cannot be reached.').waitFor()
  await refuse.click()
  await alert.getByText('The device seems to have been approved already.').waitFor()
  // Its code was shown to nobody here.
  await other.page.locator('.step', { hasText: 'Waiting for the other place' }).waitFor()
  await other.page.locator('#code-left', { hasText: /^\d+:\d\d left$/ }).waitFor()
  assert.equal(await other.page.getByText('cannot be shown again').isVisible(), false)
  go()
  await other.page.locator('.step', { hasText: 'Waiting for the new passkey' }).waitFor()
  assert.equal(await refuse.isVisible(), false)
  await other.page.getByRole('button', { name: 'Cancel the code' }).click()
  await other.page.locator('.step', { hasText: 'The code is cancelled' }).waitFor()

  // Where another tab has refused it, nothing was added.
  await place.page.getByRole('button', { name: 'This is not my account' }).click()
  await place.page.getByRole('button', { name: 'Show a new code' }).click()
  const refused = await shown(place)
  await look(refused)
  await refuse.waitFor()
  const token = await other.page.evaluate(() => JSON.parse(sessionStorage.getItem('latchkey.session')).token)
  const answer = await fetch(new URL('/auth/credentials/code/request/refuse', baseUrl), {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', origin: at('reading') },
    body: JSON.stringify({ code: refused.code }),
  })
  assert.equal(answer.status, 200)
  // A code of one's own that was got meanwhile is as good as before.
  await getCode(other, 'shown')
  await refuse.click()
  await alert.getByText('The code of the device had ended already').waitFor()
  assert.ok(await other.page.locator('#code-text').isVisible())
  assert.equal(refusals.length, 2)
  assert.equal(await other.page.evaluate(() => document.activeElement.id), 'grant-title')
})

test('a place whose granted code was used by an answer that was lost shows a new one', async () => {
  const made = await organization(['losing', 'granting'])
  await letAsk(made, 'losing', 'anywhere')
  const phone = await Device.open(browser)
  await register(phone, at('granting'), made)
  const television = await Device.open(browser)
  await television.page.goto(`${at('losing')}/enrol`)
  const { code, number } = await showCode(television)
  await phone.page.getByLabel('Code on the device').fill(code)
  await phone.page.getByRole('button', { name: 'Look at it' }).click()
  await loseAnswer(television, at('losing'), { path: '/auth/credentials/code/init', reaches: true })
  await choices(phone).filter({ hasText: number }).click()
  await television.page.getByText('this page has probably used the code with it').waitFor()
  await phone.page.getByRole('button', { name: 'Cancel the code' }).click()
  await television.page.getByRole('button', { name: 'Show a new code' }).click()
  assert.notEqual((await shown(television)).code, code)
})

test('where no place may ask, none offers to', async () => {
  const { page } = await Device.open(browser)
  await page.goto(`${two}/enrol`)
  await page.getByRole('link', { name: 'Two' }).waitFor()
  assert.equal(await page.getByRole('button', { name: 'Show a code here instead' }).isVisible(), false)
})
