// `/enrol` where something is in the way: each time the text says what to do, and that works.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Device, launch } from '../support/browser.js'
import {
  VERIFY,
  callsTo,
  choosePlace,
  claim,
  enrol,
  getCode,
  loseAnswer,
  register,
  shortenCodes,
  stateOf,
  two,
  withoutAutofill,
} from '../support/pages.js'

const browser = await launch()

test('a device that can make no passkey by itself is told before it is asked to', async () => {
  for (const [has, isTold] of [
    [{ passkeyPlatformAuthenticator: false, hybridTransport: false }, true],
    [{ passkeyPlatformAuthenticator: false, hybridTransport: true }, false],
    [{}, false],
  ]) {
    const device = await Device.open(browser)
    await device.page.addInitScript((known) => {
      PublicKeyCredential.getClientCapabilities = async () => known
    }, has)
    for (const [path, state] of [
      ['register', 'attached'],
      ['recover', 'attached'],
      ['enrol', 'visible'],
    ]) {
      await device.page.goto(`${two}/${path}`)
      const hint = device.page.locator('#key-hint:not([hidden])')
      if (isTold) {
        await hint.waitFor({ state })
      }
      await device.page.waitForLoadState('networkidle')
      assert.equal(await hint.count(), isTold ? 1 : 0, `${path} ${JSON.stringify(has)}`)
    }
    await device.close()
  }
})

/** Somebody with an open account on one device, and another device. */
async function scene() {
  const laptop = await Device.open(browser)
  await register(laptop)
  return { laptop, phone: await Device.open(browser) }
}

async function refuses({ page }, text) {
  await page.getByRole('alert').getByText(text).waitFor()
}

async function ends({ page }, text) {
  await page.getByRole('heading', { name: 'No passkey was added' }).waitFor()
  await page.getByText(text).waitFor()
}

const INVALID = 'Get a new code on your other device and enter it here.'

test('a code takes its form while it is typed, and what can be none costs no try', async () => {
  const { laptop, phone } = await scene()
  const { page } = phone
  const calls = callsTo(phone, '/auth/credentials/code/init')
  await page.goto(`${two}/enrol`)
  // A minute runs: the field has the focus.
  await page.waitForFunction(() => document.activeElement?.id === 'code')
  const field = page.getByLabel('Code')
  const state = () =>
    field.evaluate(({ value, selectionStart, ariaInvalid }) => ({ value, at: selectionStart, ariaInvalid }))
  const isRefused = async (words) => {
    await page.keyboard.press('Enter')
    await refuses(phone, words)
    assert.equal((await state()).ariaInvalid, 'true', words)
    const isDescribed = await field.evaluate(
      (it) => it === document.activeElement && it.getAttribute('aria-describedby').split(' ').includes('alert'),
    )
    assert.ok(isDescribed, words)
  }
  await isRefused('Enter the code first.')
  await page.keyboard.type('abc')
  assert.deepEqual(await state(), { value: 'ABC', at: 3, ariaInvalid: null })
  assert.equal(await page.getByRole('alert').textContent(), '')
  await isRefused('A code has nine letters and digits')
  await page.keyboard.type('d0f')
  assert.deepEqual(await state(), { value: 'ABC-D0F', at: 7, ariaInvalid: null })
  await isRefused('none of I, O, 0 and 1')
  // The caret stays where it is in the code, whatever becomes of the dashes.
  await page.keyboard.press('Home')
  await page.keyboard.type('xyz')
  assert.deepEqual(await state(), { value: 'XYZ-ABC-D0F', at: 3, ariaInvalid: null })
  for (const [key, value, at] of [
    ['Delete', 'XYZ-ABC-D0F', 4],
    ['Delete', 'XYZ-BCD-0F', 4],
    ['Backspace', 'XYZ-BCD-0F', 3],
    ['Backspace', 'XYB-CD0-F', 2],
  ]) {
    await page.keyboard.press(key)
    assert.deepEqual(await state(), { value, at, ariaInvalid: null }, key)
  }
  await field.fill('　ａ７ｕ‐ｋｙ６—９ｐｔ ')
  assert.equal(await field.inputValue(), 'A7U-KY6-9PT')
  await field.fill(`cc_${'a'.repeat(42)}`)
  await field.focus()
  await isRefused('This is not the whole code.')
  await field.fill(`${two}/enrol#abc-def-ghj`)
  assert.equal(await field.inputValue(), 'ABC-DEF-GHJ')
  // A link with less than its code is told at once, where the code can be entered.
  await page.goto(`${two}/enrol#cc_abc`)
  await refuses(phone, 'This is not the whole code.')
  await page.getByRole('heading', { name: 'Enter the code' }).waitFor()
  assert.deepEqual(calls, [])

  // A link that is pasted whole is its code.
  const { link } = await getCode(laptop)
  await field.fill(` ${link}`)
  assert.equal(await field.inputValue(), new URL(link).hash.slice(1))
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Is this your account?' }).waitFor()
  assert.deepEqual([phone.errors, phone.violations], [[], []])
})

test('to open another link ends nothing before its button is pressed', async () => {
  const { laptop, phone } = await scene()
  const { page } = phone
  const { link } = await getCode(laptop)
  await claim(phone, link)
  const question = page.getByRole('heading', { name: 'Is this your account?' })
  await question.waitFor()
  const releases = callsTo(phone, '/auth/credentials/code/release')
  const goOn = page.getByRole('button', { name: 'Go on with the earlier one' })
  await page.goto(`${two}/enrol#AAA-AAA-AAA`)
  await goOn.waitFor()
  await page.reload()
  await goOn.waitFor()
  assert.equal(await page.getByLabel('Code').inputValue(), 'AAA-AAA-AAA')
  // A wrong code in its place ends nothing either.
  await page.getByRole('button', { name: 'Continue' }).click()
  await refuses(phone, INVALID)
  assert.deepEqual(releases, [])
  await goOn.click()
  await question.waitFor()

  // Whoever goes on with another one gives this one back.
  const other = await Device.open(browser)
  await register(other)
  const another = await getCode(other)
  await page.goto(another.link)
  await goOn.waitFor()
  assert.deepEqual(releases, [])
  await page.getByRole('button', { name: 'Continue' }).click()
  await question.waitFor()
  await laptop.page.locator('.step', { hasText: 'The code was given back there' }).waitFor()
  assert.equal(releases.length, 1)
  await page.getByRole('button', { name: 'Create the passkey' }).click()
  await page.getByRole('heading', { name: 'Your passkey is added' }).waitFor()
  // It is told from the one of the first domain.
  await other.page.getByRole('listitem', { name: 'Chrome on Linux, two.localhost' }).waitFor()
})

test('who opens another link after a lost answer is told what came of the first', async () => {
  const { laptop, phone } = await scene()
  const { page } = phone
  const isTold = (text) => page.locator('#earlier-text', { hasText: text }).waitFor()
  const lose = async (reaches) => {
    await page.getByRole('button', { name: 'Create the passkey' }).waitFor()
    await loseAnswer(phone, two, { path: VERIFY, reaches })
    await page.getByRole('button', { name: 'Create the passkey' }).click()
    await refuses(phone, 'The service cannot be reached.')
    await page.goto(`${two}/enrol#AAA-AAA-AAA`)
  }
  const goOn = page.getByRole('button', { name: 'Go on with the earlier one' })
  const { link } = await getCode(laptop)
  await claim(phone, link)
  await lose(false)
  await isTold('If you go on with this one, the other one is given back.')
  await goOn.click()
  await lose(true)
  await isTold('was added: only the answer was lost')
  await page.route('**/auth/credentials/code/status', (route) => route.abort(), { times: 1 })
  await page.reload()
  await isTold('may have been added: no answer came')
  await goOn.click()
  await page.getByRole('heading', { name: 'Your passkey is added' }).waitFor()
})

test('an answer that is lost on its way is not lost for good', async () => {
  const { laptop, phone } = await scene()
  const { page } = phone
  for (const reaches of [false, true]) {
    const { link } = await getCode(laptop)
    await claim(phone, link)
    await page.getByRole('button', { name: 'Create the passkey' }).waitFor()
    await loseAnswer(phone, two, { path: VERIFY, reaches })
    await page.getByRole('button', { name: 'Create the passkey' }).click()
    await refuses(phone, 'The service cannot be reached.')
    const [before] = await phone.passkeys()
    await page.getByRole('button', { name: 'Create the passkey' }).click()
    await page.getByRole('heading', { name: 'Your passkey is added' }).waitFor()
    // Nobody was asked for another one.
    const [after] = await phone.passkeys()
    assert.equal(after.credentialId, before.credentialId)
    await laptop.page.locator('.step', { hasText: 'The passkey is added' }).waitFor()
    await phone.unplug()
    await phone.plugIn()
  }
})

test('who sends a code again after a lost answer is told that it was used here', async () => {
  const { laptop, phone } = await scene()
  const { page } = phone
  const again = page.getByRole('button', { name: 'Continue' })
  for (const isLink of [true, false]) {
    const { code, link } = await getCode(laptop)
    await page.goto(isLink ? link : `${two}/enrol`)
    if (!isLink) {
      await page.getByLabel('Code').fill(code)
    }
    await loseAnswer(phone, two, { path: '/auth/credentials/code/init', reaches: true })
    await again.click()
    await refuses(phone, 'The service cannot be reached.')
    if (isLink) {
      await page.reload()
    }
    await again.click()
    await ends(phone, 'this page has probably used the code with it')
    await laptop.page.getByRole('button', { name: 'Cancel the code' }).click()
    await page.getByRole('button', { name: 'Enter another code' }).click()
    assert.equal(await page.getByLabel('Code').inputValue(), '')
  }

  // What never reached the service has used nothing, and what is mistyped is told so.
  const { code } = await getCode(laptop)
  await page.getByLabel('Code').fill(code)
  await loseAnswer(phone, two, { path: '/auth/credentials/code/init', reaches: false })
  await again.click()
  await refuses(phone, 'The service cannot be reached.')
  await page.getByLabel('Code').fill('AAA-AAA-AAA')
  const json = { error: { code: 'too_many_attempts', message: 'too many attempts' } }
  await page.route('**/auth/credentials/code/init', (route) => route.fulfill({ status: 429, json }), { times: 1 })
  await again.click()
  await refuses(phone, 'There were too many attempts.')
  await again.click()
  await refuses(phone, INVALID)
  await page.getByLabel('Code').fill(code)
  await again.click()
  await page.getByRole('heading', { name: 'Is this your account?' }).waitFor()
})

test('whoever turns back after a lost answer is told that the passkey was added', async () => {
  const { laptop, phone } = await scene()
  const { page } = phone
  const lose = async (name) => {
    const { link } = await getCode(laptop)
    await claim(phone, link)
    await page.getByLabel('Name of the passkey').fill(name)
    await loseAnswer(phone, two, { path: VERIFY, reaches: true })
    await page.getByRole('button', { name: 'Create the passkey' }).click()
    await refuses(phone, 'The service cannot be reached.')
    // It is called as it was sent.
    await page.getByLabel('Name of the passkey').fill('Something else')
  }
  await lose('Not wanted')
  await page.getByRole('button', { name: 'This is not my account' }).click()
  await page.getByRole('heading', { name: 'The passkey was added all the same' }).waitFor()
  await page.getByText('Tell whoever gave you the code to delete “Not wanted” there').waitFor()
  await laptop.page.getByRole('listitem', { name: 'Not wanted' }).waitFor()

  // When it is too late to ask, nobody is told that nothing was added, however they go on.
  for (const button of ['This is not my account', 'Create the passkey']) {
    await phone.unplug()
    await phone.plugIn()
    await lose(button)
    await page.evaluate(() => sessionStorage.removeItem('latchkey.enrol'))
    const json = { error: { code: 'challenge_invalid', message: 'too late' } }
    const headers = { date: new Date(Date.now() + 6 * 60_000).toUTCString() }
    for (const path of ['release', 'status', 'verify']) {
      await page.route(`**/auth/credentials/code/${path}`, (route) => route.fulfill({ status: 401, headers, json }))
    }
    await page.getByRole('button', { name: button }).click()
    await page.getByRole('heading', { name: 'The passkey may have been added' }).waitFor()
    await page.getByText(`look whether “${button}” is in the account`).waitFor()
    await page.unrouteAll()
    await laptop.page.getByRole('listitem', { name: button }).waitFor()
  }
})

test('of a passkey that never arrived nobody says that it may have been added', async () => {
  const { laptop, phone } = await scene()
  const { page } = phone
  for (const [button, text] of [
    ['This is not my account', 'Nothing was added.'],
    ['Create the passkey', 'This took too long, or the code was cancelled in the meantime.'],
  ]) {
    const { link } = await getCode(laptop)
    await claim(phone, link)
    await loseAnswer(phone, two, { path: VERIFY, reaches: false })
    await page.getByRole('button', { name: 'Create the passkey' }).click()
    await refuses(phone, 'The service cannot be reached.')
    await laptop.page.getByRole('button', { name: 'Cancel the code' }).click()
    await laptop.page.locator('.step', { hasText: 'The code is cancelled' }).waitFor()
    await page.getByRole('button', { name: button }).click()
    await ends(phone, text)
    await phone.unplug()
    await phone.plugIn()
  }
})

test('a wrong code can be corrected', async () => {
  const { laptop, phone } = await scene()
  await phone.page.goto(`${two}/enrol`)
  await phone.page.getByLabel('Code').fill('AAA-AAA-AAA')
  await phone.page.getByRole('button', { name: 'Continue' }).click()
  await refuses(phone, INVALID)
  const { code } = await getCode(laptop)
  await phone.page.getByLabel('Code').fill(code)
  await phone.page.getByRole('button', { name: 'Continue' }).click()
  await phone.page.getByRole('heading', { name: 'Is this your account?' }).waitFor()
  assert.equal(await phone.page.getByRole('alert').textContent(), '')
})

test('a code for another application is refused, and that is among what may be wrong', async () => {
  const { laptop, phone } = await scene()
  const { code } = await getCode(laptop, 'One')
  await phone.page.goto(`${two}/enrol`)
  await phone.page.getByLabel('Code').fill(code)
  await phone.page.getByRole('button', { name: 'Continue' }).click()
  await refuses(phone, 'or for another application')
})

test('a used code is refused', async () => {
  const { laptop, phone } = await scene()
  const { link } = await getCode(laptop)
  await enrol(phone, link)
  const other = await Device.open(browser)
  await claim(other, link)
  await refuses(other, INVALID)
  // What was filled in makes room for what is typed.
  await other.page.waitForFunction(() => document.activeElement?.id === 'code')
  assert.equal(await other.page.getByLabel('Code').inputValue(), '')
})

test('opening a link uses nothing before its button is pressed', async () => {
  const { laptop, phone } = await scene()
  const { link } = await getCode(laptop)
  const scanner = await Device.open(browser)
  const calls = callsTo(scanner, '/auth/credentials/code/init')
  await scanner.page.goto(link)
  await scanner.page.getByRole('link', { name: 'Two' }).waitFor()
  const code = new URL(link).hash.slice(1)
  const field = scanner.page.getByLabel('Code')
  assert.equal(await field.inputValue(), code)
  assert.equal(scanner.page.url(), `${two}/enrol`)
  // A long code says nothing to people: they are told that it is there.
  await scanner.page.getByRole('heading', { name: 'Your code is filled in' }).waitFor()
  assert.equal(await field.isVisible(), false)
  await scanner.page.waitForLoadState('networkidle')
  await scanner.page.getByRole('button', { name: 'Enter another code' }).click()
  await scanner.page.getByRole('heading', { name: 'Enter the code' }).waitFor()
  assert.equal(await field.inputValue(), '')
  assert.deepEqual(calls, [])
  await enrol(phone, link)
})

test('an expired code is refused', async () => {
  const { laptop, phone } = await scene()
  await shortenCodes(laptop, 50)
  await laptop.page.reload()
  await laptop.page.getByRole('listitem', { name: 'Chrome on Linux' }).waitFor()
  await choosePlace(laptop, 'Two')
  // The answer has the link, however long the page shows it.
  const isIssued = (answer) => new URL(answer.url()).pathname === '/auth/credentials/code' && answer.request().method() === 'POST'
  const issued = laptop.page.waitForResponse(isIssued)
  await laptop.page.getByRole('button', { name: 'Get a code' }).click()
  const { link } = await (await issued).json()
  await laptop.page.locator('.step', { hasText: 'The minute is over' }).waitFor()
  await claim(phone, `${two}/enrol${new URL(link).hash}`)
  await refuses(phone, INVALID)
  assert.equal(await laptop.page.locator('#code-text').isVisible(), false)
  // The next one is one press away.
  const another = laptop.page.waitForResponse(isIssued)
  await laptop.page.getByRole('button', { name: 'Get a code' }).click()
  assert.equal((await another).status(), 200)
})

test('a device that has a passkey already is told to use it', async () => {
  const { laptop, phone } = await scene()
  const first = await getCode(laptop)
  await enrol(phone, first.link)
  const second = await getCode(laptop)
  await claim(phone, second.link)
  await phone.page.getByRole('button', { name: 'Create the passkey' }).click()
  await ends(phone, 'This device already has a passkey for this account')
  await laptop.page.locator('.step', { hasText: 'There is a passkey of this account already' }).waitFor()
  assert.equal((await phone.passkeys()).length, 1)
  await withoutAutofill(phone)
  await phone.page.getByRole('link', { name: 'Go to the sign-in page' }).click()
  await phone.page.getByRole('button', { name: 'Sign in with a passkey' }).click()
  await phone.page.getByRole('heading', { name: 'Your account' }).waitFor()
})

test('a browser without WebAuthn says so and leaves the code unused', async () => {
  const { laptop, phone } = await scene()
  const { link } = await getCode(laptop)
  const old = await Device.open(browser)
  await old.page.addInitScript(() => delete globalThis.PublicKeyCredential)
  const calls = callsTo(old, '/auth/credentials/code/init')
  await old.page.goto(link)
  await old.page.getByRole('heading', { name: 'This browser cannot use passkeys' }).waitFor()
  await old.page.getByText('Your code has not been used').waitFor()
  assert.deepEqual(calls, [])
  await enrol(phone, link)
})

test('a dismissed prompt can be answered with the same challenge', async () => {
  const { laptop, phone } = await scene()
  const { link } = await getCode(laptop)
  const inits = callsTo(phone, '/auth/credentials/code/init')
  await phone.setUserVerified(false)
  await claim(phone, link)
  await phone.page.getByRole('button', { name: 'Create the passkey' }).click()
  await refuses(phone, 'The prompt was closed before it was answered. Nothing has changed: try again.')
  await phone.setUserVerified(true)
  await phone.page.getByRole('button', { name: 'Create the passkey' }).click()
  await phone.page.getByRole('heading', { name: 'Your passkey is added' }).waitFor()
  assert.equal(inits.length, 1)
})

test('whoever sees another account than their own can turn back', async () => {
  const { laptop, phone } = await scene()
  // Whoever is signed in here already may be about to take up the account of somebody else.
  const { username } = await register(phone, two)
  const { link } = await getCode(laptop)
  await claim(phone, link)
  await phone.page.getByText(`You are signed in here as ${username}.`).waitFor()
  await phone.unplug()
  await phone.plugIn()
  const notMe = phone.page.getByRole('button', { name: 'This is not my account' })
  await phone.page.route('**/auth/credentials/code/release', (route) => route.abort(), { times: 1 })
  await notMe.click()
  await refuses(phone, 'The service cannot be reached.')
  await notMe.click()
  await ends(phone, 'Nothing was added.')
  assert.equal((await phone.passkeys()).length, 0)
  await laptop.page.locator('.step', { hasText: 'said that this is not their account' }).waitFor()
  // The code has ended, and there is nothing to go on with.
  await phone.page.reload()
  await phone.page.getByRole('heading', { name: 'Enter the code' }).waitFor()
  assert.equal(await phone.page.getByLabel('Code').inputValue(), '')
  const other = await Device.open(browser)
  await claim(other, link)
  await refuses(other, INVALID)
})

test('who does not go on after a dismissed prompt gives the code back', async () => {
  const { laptop, phone } = await scene()
  const { link } = await getCode(laptop)
  await phone.setUserVerified(false)
  await claim(phone, link)
  const giveUp = phone.page.getByRole('button', { name: 'Add nothing and give the code back' })
  await laptop.page.locator('#code-left', { hasText: /^\d+:\d\d left$/ }).waitFor()
  await laptop.page.getByText('If that is not you, cancel the code now.').waitFor()
  await phone.page.getByRole('button', { name: 'Create the passkey' }).click()
  await phone.page.getByRole('alert').getByText('The prompt was closed').waitFor()
  await phone.page.reload()
  await giveUp.click()
  await ends(phone, 'Nothing was added.')
  assert.equal(await phone.page.locator('#ended-void').isVisible(), false)
  await laptop.page.locator('.step', { hasText: 'The code was given back there' }).waitFor()
  assert.equal(await laptop.page.locator('#code-left').isVisible(), false)
  await laptop.page.getByRole('button', { name: 'Get a code' }).waitFor()
})

test('pages that are loaded anew go on where they were', async () => {
  const { laptop, phone } = await scene()
  const { code, link } = await getCode(laptop)
  await laptop.page.reload()
  await laptop.page.getByRole('img', { name: 'QR code with the link' }).waitFor()
  assert.equal(await laptop.page.locator('#code-text').textContent(), code)
  assert.equal(await laptop.page.locator('#code-link').getAttribute('href'), link)

  await phone.page.goto(link)
  await phone.page.getByRole('button', { name: 'Continue' }).waitFor()
  await phone.page.reload()
  assert.equal(await phone.page.getByLabel('Code').inputValue(), new URL(link).hash.slice(1))
  const inits = callsTo(phone, '/auth/credentials/code/init')
  await phone.page.getByRole('button', { name: 'Continue' }).click()
  const question = phone.page.getByRole('heading', { name: 'Is this your account?' })
  await question.waitFor()
  await laptop.page.locator('.step', { hasText: 'Opened on' }).waitFor()
  await phone.page.getByLabel('Name of the passkey').fill('My phone')
  await phone.page.reload()
  await question.waitFor()
  assert.equal(await phone.page.getByLabel('Name of the passkey').inputValue(), 'My phone')
  // The same link again is the same ceremony.
  await phone.page.goto('about:blank')
  await phone.page.goto(link)
  await question.waitFor()
  await phone.page.getByRole('button', { name: 'Create the passkey' }).click()
  await phone.page.getByRole('heading', { name: 'Your passkey is added' }).waitFor()
  assert.equal(inits.length, 1)
  await laptop.page.locator('.step', { hasText: 'The passkey is added' }).waitFor()
  await laptop.page.reload()
  await laptop.page.getByRole('button', { name: 'Get a code' }).waitFor()
  assert.equal(await laptop.page.locator('#code-text').isVisible(), false)
})

test('a name that comes with the code is shown as one that stays', async () => {
  const { page } = await Device.open(browser)
  const json = {
    challengeIdentifier: 'unused',
    credentialName: 'Named before',
    rp: { id: 'two.localhost', name: 'Two' },
    user: { displayName: 'Ada', name: 'ada@example.com' },
  }
  await page.route('**/auth/credentials/code/init', (route) => route.fulfill({ json }))
  await claim({ page }, `${two}/enrol#AAA-AAA-AAA`)
  await page.getByText('Whoever made the code has named it, so it stays so.').waitFor()
  const name = page.getByLabel('Name of the passkey')
  assert.deepEqual([await name.inputValue(), await name.isEditable()], ['Named before', false])
})

test('what can be no name is told at its field, before a passkey is made', async () => {
  const { laptop, phone } = await scene()
  const { page } = phone
  const { link } = await getCode(laptop)
  await claim(phone, link)
  const name = page.getByLabel('Name of the passkey')
  const create = page.getByRole('button', { name: 'Create the passkey' })
  for (const wrong of ['a\u200bb', 'a\u202eb', 'a\u200db', '1\u200d👧', '👩\u200d', '👩\u200d1', 'a\u2028b', '🏴\u{e0067}', '\u3164', '1\ufe0f', '葛\u{e0100}']) {
    await name.fill(wrong)
    await create.click()
    await page.getByRole('alert').getByText('This cannot be a name').waitFor()
    assert.deepEqual(await stateOf(name), { isInvalid: true, isFocused: true, describedBy: 'name-hint alert' })
  }
  assert.deepEqual(await phone.passkeys(), [])
  await name.fill('Ünï 👩🏽\u200d💻 ❤\ufe0f\u200d🔥 #1')
  assert.equal(await page.getByRole('alert').textContent(), '')
  await create.click()
  await page.getByRole('heading', { name: 'Your passkey is added' }).waitFor()
})

test('a service that cannot be reached is told from a wrong code', async () => {
  const phone = await Device.open(browser)
  await phone.page.goto(`${two}/enrol`)
  await phone.page.getByRole('link', { name: 'Two' }).waitFor()
  await phone.page.route('**/auth/**', (route) => route.abort())
  await phone.page.getByLabel('Code').fill('AAA-AAA-AAA')
  await phone.page.getByRole('button', { name: 'Continue' }).click()
  await refuses(phone, 'The service cannot be reached.')
})

test('whoever tried too often is told for how long to wait', async () => {
  const phone = await Device.open(browser)
  await phone.page.goto(`${two}/enrol`)
  let seconds = '42'
  await phone.page.route('**/auth/credentials/code/init', (route) =>
    route.fulfill({
      status: 429,
      headers: { 'retry-after': seconds },
      json: { error: { code: 'too_many_attempts', message: 'too many attempts' } },
    }),
  )
  await phone.page.getByLabel('Code').fill('AAA-AAA-AAA')
  await phone.page.getByRole('button', { name: 'Continue' }).click()
  await refuses(phone, 'Try again in 42 seconds.')
  // And when that is over.
  seconds = '1'
  await phone.page.getByRole('button', { name: 'Continue' }).click()
  await phone.page.getByText('You can try again now.').waitFor()
  await phone.page.getByText('There were too many attempts.').waitFor({ state: 'hidden' })
})
