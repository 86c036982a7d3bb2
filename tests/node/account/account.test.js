// `/account`: what is there is seen, changed and removed, each change signed behind its button.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Device, launch } from '../support/browser.js'
import { baseUrl } from '../support/latchkey.js'
import {
  callsTo, claim, endSession, enrol, getCode, getCodeElsewhere, one, register, stateOf, two, withoutAutofill,
} from '../support/pages.js'

const browser = await launch()

const card = ({ page }, name) => page.getByRole('listitem', { name, exact: true })

const press = ({ page }, name) => page.getByRole('button', { name, exact: true }).click()

/** Presses the button of a dialog that asks whether it is really meant. */
const confirm = ({ page }, name) => page.getByRole('dialog').getByRole('button', { name }).click()

/** Somebody signed in on one device, with a second passkey called "My phone" on another. */
async function twoPasskeys() {
  const laptop = await Device.open(browser)
  await register(laptop)
  const { link } = await getCode(laptop)
  const phone = await Device.open(browser)
  await enrol(phone, link, 'My phone')
  await card(laptop, 'My phone').waitFor()
  return { laptop, phone }
}

test('the last passkey cannot be removed, and the card says why', async () => {
  const laptop = await Device.open(browser)
  await register(laptop)
  const last = card(laptop, 'Chrome on Linux')
  await last.getByText('This is your last way to sign in. Add another passkey first').waitFor()
  assert.deepEqual(await last.getByRole('button').allTextContents(), ['Rename Chrome on Linux'])
  await card(laptop, 'Recovery kit').getByRole('button', { name: 'Delete' }).waitFor()
})

test('a passkey is renamed', async () => {
  const { laptop } = await twoPasskeys()
  await press(laptop, 'Rename My phone')
  // What can be no name is told at its field, and nobody is asked to sign for it.
  const field = laptop.page.getByLabel('New name')
  const actions = callsTo(laptop, '/auth/action/init')
  await field.fill('My\u200b phone')
  await press(laptop, 'Save')
  await laptop.page.getByRole('alert').getByText('This cannot be a name').waitFor()
  assert.deepEqual(await stateOf(field), { isInvalid: true, isFocused: true, describedBy: 'alert' })
  assert.deepEqual(actions, [])
  // What is no name at all is not taken for one that stays.
  await field.fill('  ')
  await press(laptop, 'Save')
  assert.equal(await field.evaluate((it) => it.matches(':invalid')), true)
  await field.fill('My new phone')
  assert.equal((await stateOf(field)).isInvalid, false)
  await press(laptop, 'Save')
  await card(laptop, 'My new phone').waitFor()
  assert.equal(await card(laptop, 'My phone').count(), 0)
  await laptop.page.reload()
  await card(laptop, 'My new phone').waitFor()
})

test('renaming can be left without a change', async () => {
  const laptop = await Device.open(browser)
  await register(laptop)
  const actions = callsTo(laptop, '/auth/action/init')
  await press(laptop, 'Rename Recovery kit')
  await laptop.page.getByLabel('New name').fill('Something else')
  await laptop.page.keyboard.press('Escape')
  const focused = await laptop.page.evaluate(() => document.activeElement.textContent)
  assert.equal(focused, 'Rename Recovery kit')
  await card(laptop, 'Recovery kit').waitFor()
  assert.deepEqual(actions, [])
})

test('the first page claims no session that has ended', async () => {
  const device = await Device.open(browser)
  const { page } = device
  await withoutAutofill(device)
  await register(device)
  await page.goto(`${one}/`)
  await page.getByText('You are signed in here already').waitFor()
  await endSession(device)
  await page.goto(`${one}/`)
  await page.waitForFunction(() => sessionStorage.getItem('latchkey.session') === null)
  await page.waitForLoadState('networkidle')
  assert.equal(await page.getByText('You are signed in here already').isVisible(), false)
})

test('a passkey is deactivated, of no use, and activated again', async () => {
  const { laptop, phone } = await twoPasskeys()
  await withoutAutofill(phone)
  await press(laptop, 'Deactivate My phone')
  await confirm(laptop, 'Deactivate')
  await card(laptop, 'My phone').getByText('Not active', { exact: true }).waitFor()
  await phone.page.goto(`${two}/`)
  await press(phone, 'Sign in with a passkey')
  await phone.page.getByRole('alert').getByText('This passkey or your account was deactivated').waitFor()
  await phone.page.getByRole('alert').getByText('if none works, ask whoever invited you').waitFor()
  await press(laptop, 'Activate My phone')
  await card(laptop, 'My phone').getByText('Active', { exact: true }).waitFor()
  await press(phone, 'Sign in with a passkey')
  await phone.page.getByRole('heading', { name: 'Your account' }).waitFor()
})

test('whoever takes the only passkey of a domain away is told what it locks out, and the safe answer has the focus', async () => {
  const { laptop } = await twoPasskeys()
  const { page } = laptop
  const dialog = page.getByRole('dialog')
  const focused = () => page.evaluate(() => document.activeElement.textContent)
  for (const verb of ['Deactivate', 'Delete']) {
    await press(laptop, `${verb} My phone`)
    await dialog.getByText('It is your only passkey for two.localhost').waitFor()
    assert.equal(await focused(), 'Keep it')
    await page.keyboard.press('Enter')
    await dialog.waitFor({ state: 'hidden' })
    await card(laptop, 'My phone').getByText('Active', { exact: true }).waitFor()
  }
  await press(laptop, 'Delete Recovery kit')
  await dialog.getByText('It is your only recovery kit').waitFor()
  assert.equal(await focused(), 'Keep it')
  await confirm(laptop, 'Keep it')

  // With another one for that domain nothing is locked out.
  const { link } = await getCode(laptop)
  const tablet = await Device.open(browser)
  await enrol(tablet, link, 'My tablet')
  await card(laptop, 'My tablet').waitFor()
  await press(laptop, 'Delete My phone')
  await dialog.getByText('this cannot be undone').waitFor()
  assert.equal(await dialog.getByText('only passkey').count(), 0)
})

test('a passkey is deleted after a question, and the browser is told which ones are left', async () => {
  const { laptop, phone } = await twoPasskeys()
  const [own] = await laptop.passkeys()
  const id = Buffer.from(own.credentialId, 'base64').toString('base64url')
  const signals = []
  await laptop.page.exposeFunction('signalled', (signal) => signals.push(signal))
  await laptop.page.evaluate(() => {
    PublicKeyCredential.signalAllAcceptedCredentials = async (signal) => globalThis.signalled(signal)
  })
  await press(laptop, 'Delete My phone')
  await laptop.page.getByRole('heading', { name: 'Delete “My phone”?' }).waitFor()
  await confirm(laptop, 'Keep it')
  await press(laptop, 'Delete My phone')
  await confirm(laptop, 'Delete')
  await laptop.page.getByText('It is deleted.').waitFor()
  assert.equal(await card(laptop, 'My phone').count(), 0)
  assert.equal(signals.length, 1)
  assert.equal(signals[0].rpId, 'one.localhost')
  assert.deepEqual(signals[0].allAcceptedCredentialIds, [id])
  await withoutAutofill(phone)
  await phone.page.goto(`${two}/`)
  await press(phone, 'Sign in with a passkey')
  await phone.page.getByRole('alert').getByText('No passkey of this account works here.').waitFor()
})

test('a change that was not confirmed is not made', async () => {
  const { laptop } = await twoPasskeys()
  await laptop.setUserVerified(false)
  await press(laptop, 'Delete My phone')
  await confirm(laptop, 'Delete')
  await laptop.page.getByRole('alert').getByText('The prompt was closed').waitFor()
  await laptop.page.reload()
  await card(laptop, 'My phone').waitFor()
})

test('whoever removes the passkey they signed in with is signed out', async () => {
  const { laptop } = await twoPasskeys()
  await withoutAutofill(laptop)
  await press(laptop, 'Delete Chrome on Linux')
  await laptop.page.getByText('You are signed in with it, so you will be signed out.').waitFor()
  await confirm(laptop, 'Delete')
  await laptop.page.getByText('The passkey you were signed in with is no longer active.').waitFor()
  assert.equal(laptop.page.url(), `${one}/`)
})

test('a notice by mail leads to where a passkey is taken away with one answer', async () => {
  const { laptop } = await twoPasskeys()
  const uuid = await card(laptop, 'My phone').getAttribute('data-credential')
  await withoutAutofill(laptop)
  await press(laptop, 'Sign out')
  await laptop.page.getByText('You are signed out.').waitFor()
  await laptop.page.goto(`${one}/account#${uuid}`)
  const told = laptop.page.getByText('Sign in, and the passkey that you were told of can be taken away.')
  await told.waitFor()
  // Whoever has no passkey for this application goes on at another one, and is told of the same one there.
  const elsewhere = laptop.page.getByRole('link', { name: `Two (${new URL(two).host})` })
  assert.equal(await elsewhere.getAttribute('href'), `${two}/account#${uuid}`)
  await press(laptop, 'Sign in with a passkey')
  const question = laptop.page.getByRole('dialog').getByText('Deactivate “My phone”?')
  await question.waitFor()
  // It is decided by what is known of it, which its card says too.
  const facts = new RegExp(
    `^Added: .+, with a code, on ${new URL(two).host}, from 127\\.0\\.0\\.1\\. If this was not you, deactivate it\\.$`,
  )
  assert.match(await laptop.page.locator('#question-text').textContent(), facts)
  const { y } = await card(laptop, 'My phone').boundingBox()
  assert.ok(y >= 0 && y < 100, `the card is at ${y}`)
  // Whoever has to sign in anew has not answered yet.
  await endSession(laptop)
  await confirm(laptop, 'Deactivate')
  await told.waitFor()
  await press(laptop, 'Sign in with a passkey')
  await question.waitFor()
  await confirm(laptop, 'Deactivate')
  await card(laptop, 'My phone').getByText('Not active', { exact: true }).waitFor()
  // It is asked once.
  await laptop.page.reload()
  await card(laptop, 'My phone').waitFor()
  assert.equal(await laptop.page.getByRole('dialog').count(), 0)
})

test('a session that has ended leads to the first page', async () => {
  const laptop = await Device.open(browser)
  await register(laptop)
  await withoutAutofill(laptop)
  await endSession(laptop)
  await press(laptop, 'Get a code')
  await laptop.page.getByText('Your session has ended. Sign in again.').waitFor()
  // Nobody who dismisses the prompt is left without the way for who has no passkey here.
  await laptop.setUserVerified(false)
  await press(laptop, 'Sign in with a passkey')
  await laptop.page.getByRole('alert').getByText('get a code there and choose “I have a code”').waitFor()
})

test('the account is shown to nobody who is not signed in', async () => {
  const laptop = await Device.open(browser)
  await withoutAutofill(laptop)
  await laptop.page.goto(`${one}/account`)
  await laptop.page.getByRole('heading', { name: 'Sign in' }).waitFor()
  await laptop.page.getByText('You are not signed in here. Sign in, and your account opens.').waitFor()
})

test('an account that could not be loaded can be loaded again, and nothing is shown of it until then', async () => {
  const laptop = await Device.open(browser)
  const { page } = laptop
  await register(laptop)
  const json = { error: { code: 'unavailable', message: 'not now' } }
  const answers = [(route) => route.fulfill({ status: 503, json }), (route) => route.abort()]
  await page.route('**/auth/credentials', (route) => answers.shift()?.(route) ?? route.continue())
  await page.reload()
  const alert = page.getByRole('alert')
  await alert.getByText('The service cannot answer at present.').waitFor()
  const credentials = page.getByRole('heading', { name: 'Your credentials' })
  assert.equal(await credentials.isVisible(), false)
  await press(laptop, 'Load again')
  await alert.getByText('The service cannot be reached.').waitFor()
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Load again')
  await press(laptop, 'Load again')
  await card(laptop, 'Chrome on Linux').waitFor()
  await credentials.waitFor()
  assert.equal(await alert.textContent(), '')
  assert.equal(await page.getByRole('status').textContent(), '')
  assert.deepEqual(laptop.violations, [])
})

test('tabs share a session, and whoever signs out in one of them is signed out in all', async () => {
  const laptop = await Device.open(browser)
  // In all tabs: the prompt of autofill would sign in again.
  await withoutAutofill({ page: laptop.context })
  const { username } = await register(laptop)
  const tokenOf = (page) => page.evaluate(() => JSON.parse(sessionStorage.getItem('latchkey.session')).token)
  const hasEnded = (token) =>
    laptop.page.waitForFunction(
      async (token) => {
        const headers = { authorization: `Bearer ${token}` }
        return (await fetch('/auth/session', { headers })).status === 401
      },
      token,
      { polling: 200 },
    )
  const first = await tokenOf(laptop.page)
  const [second, away] = [await laptop.context.newPage(), await laptop.context.newPage()]
  for (const page of [second, away]) {
    await page.goto(`${one}/account`)
    await page.getByText(`Signed in as ${username}`).waitFor()
    assert.equal(await tokenOf(page), first)
  }
  // The first page tells of it, too.
  const third = await laptop.context.newPage()
  await third.goto(`${one}/`)
  await third.getByRole('link', { name: 'Go to your account' }).waitFor()
  const kept = await third.evaluate(() => JSON.stringify(localStorage))
  assert.ok(!kept.includes(first), kept)
  await away.goto('about:blank')

  // One tab has another session now; both end.
  await laptop.page.goto(`${one}/`)
  await press(laptop, 'Sign in with a passkey')
  await laptop.page.getByText(`Signed in as ${username}`).waitFor()
  const own = await tokenOf(laptop.page)
  assert.notEqual(own, first)
  await press(laptop, 'Sign out')
  await laptop.page.getByText('You are signed out.').waitFor()
  await second.getByText('You are signed out.').waitFor()
  await third.getByRole('link', { name: 'Go to your account' }).waitFor({ state: 'hidden' })
  await hasEnded(own)
  await hasEnded(first)
  await away.goto(`${one}/account`)
  await away.getByText('You are not signed in here.').waitFor()
  assert.deepEqual([laptop.errors, laptop.violations], [[], []])
})

test('two tabs may have two users, and a tab that is slow to give its session is heard late', async () => {
  const laptop = await Device.open(browser)
  await withoutAutofill({ page: laptop.context })
  const { page } = laptop
  const first = await register(laptop)
  // It sleeps, and gives nothing until it is woken.
  await page.evaluate(() => {
    const { postMessage } = BroadcastChannel.prototype
    const kept = []
    BroadcastChannel.prototype.postMessage = function (message) {
      kept.push([this, message])
    }
    globalThis.wake = () => {
      BroadcastChannel.prototype.postMessage = postMessage
      for (const [tab, message] of kept) {
        tab.postMessage(message)
      }
    }
  })
  const second = await laptop.context.newPage()
  await second.goto(`${one}/account`)
  await second.getByText('You are not signed in here.').waitFor()
  await page.evaluate(() => globalThis.wake())
  await second.getByText(`Signed in as ${first.username}`).waitFor()

  // Who makes a passkey looks at the page.
  await page.bringToFront()
  const other = await register(laptop)
  await page.getByText(`Signed in as ${other.username}`).waitFor()
  await second.reload()
  await second.getByText(`Signed in as ${first.username}`).waitFor()
  await page.reload()
  await page.getByText(`Signed in as ${other.username}`).waitFor()

  // A browser that does not say which tabs there are shows the first page, and leaves nobody waiting.
  const third = await laptop.context.newPage()
  await third.addInitScript(() => {
    navigator.locks.query = async () => {
      throw new DOMException('not here', 'SecurityError')
    }
  })
  await third.goto(`${one}/account`)
  await third.getByText('You are not signed in here.').waitFor()
  assert.deepEqual([laptop.errors, laptop.violations], [[], []])
})

test('who has signed in with a passkey that is elsewhere adds one on this device', async () => {
  const laptop = await Device.open(browser)
  const { page } = laptop
  await laptop.unplug()
  await laptop.plugIn({ transport: 'usb' })
  await register(laptop)
  const add = page.getByRole('button', { name: 'Add a passkey on this device' })
  await add.waitFor()
  // From now on there is a device that keeps passkeys besides.
  await laptop.plugIn()
  await add.click()
  await page.getByText('There is a passkey on this device now.').waitFor()
  await card(laptop, 'Chrome on Linux, one.localhost').getByText('while signed in').waitFor()
  const { length } = await laptop.passkeys()
  assert.equal(length, 1)
  assert.equal(await add.isVisible(), false)
  await page.reload()
  await card(laptop, 'Chrome on Linux').waitFor()
  assert.equal(await add.isVisible(), false)
  // Nobody is asked to know that there is one already: the device does.
  await page.evaluate(() => sessionStorage.removeItem('latchkey.here'))
  await page.reload()
  await add.click()
  await page.getByRole('alert').getByText('This device has a passkey for this account already').waitFor()
  assert.equal((await laptop.passkeys()).length, 1)

  // On a device more of that kind it is not called as the one before.
  await laptop.unplug()
  await laptop.plugIn()
  await add.click()
  await card(laptop, 'Chrome on Linux, one.localhost (2)').waitFor()
  assert.deepEqual([laptop.errors, laptop.violations], [[], []])
})

test('a card says who keeps the passkey', async () => {
  const laptop = await Device.open(browser)
  await register(laptop)
  const { page } = laptop
  await page.route('**/auth/credentials', async (route) => {
    const { authorization } = route.request().headers()
    // The browser knows where its name leads, this program need not.
    const answer = await fetch(`${baseUrl}/auth/credentials`, { headers: { authorization, origin: one } })
    const told = await answer.json()
    for (const credential of told.items) {
      credential.provider = credential.kind === 'Fido2' ? 'A Password Manager' : undefined
    }
    await route.fulfill({ json: told })
  })
  await page.reload()
  await card(laptop, 'Chrome on Linux').getByText('Passkey in A Password Manager', { exact: true }).waitFor()
})

test('a code whose text is not known any more is followed, with a word on that', async () => {
  const laptop = await Device.open(browser)
  await register(laptop)
  await getCode(laptop)
  const { page } = laptop
  await page.evaluate(() => sessionStorage.removeItem('latchkey.code'))
  await page.reload()
  await page.getByText('cannot be shown again').waitFor()
  await page.locator('#code-left', { hasText: /^0:\d\d left$/ }).waitFor()
  await page.locator('.step', { hasText: 'Waiting for the other place' }).waitFor()
  assert.equal(await page.locator('#code-text').isVisible(), false)
  await press(laptop, 'Cancel the code')
  await page.locator('.step', { hasText: 'The code is cancelled' }).waitFor()
  assert.equal(await page.getByText('cannot be shown again').isVisible(), false)
  await page.waitForFunction(() => document.activeElement?.id === 'code-title')
  await getCode(laptop)
})

test('a code is shown as long as it is the newest one, also where nothing can be kept', async () => {
  const laptop = await Device.open(browser)
  const { page } = laptop
  await register(laptop)
  await page.evaluate(() => {
    Storage.prototype.setItem = () => {
      throw new DOMException('full', 'QuotaExceededError')
    }
  })
  await getCode(laptop)
  const told = () => page.waitForResponse((answer) => answer.url() === `${one}/auth/credentials/code`)
  await told()
  await told()
  assert.ok(await page.locator('#code-text').isVisible())
  // Its seconds are beside it.
  assert.equal(await page.locator('#code-left').isVisible(), false)
  await getCodeElsewhere(laptop, two)
  await page.getByText('cannot be shown again').waitFor()
  assert.equal(await page.locator('#code-text').isVisible(), false)
})

test('a code that was opened is followed after the page is loaded again', async () => {
  const laptop = await Device.open(browser)
  await register(laptop)
  const { link } = await getCode(laptop)
  const phone = await Device.open(browser)
  await claim(phone, link)
  await phone.page.getByRole('button', { name: 'Create the passkey' }).waitFor()
  await laptop.page.reload()
  await laptop.page.locator('.step', { hasText: 'Waiting for the new passkey' }).waitFor()
  await phone.page.getByRole('button', { name: 'Create the passkey' }).click()
  await laptop.page.locator('.step', { hasText: 'The passkey is added' }).waitFor()
})

test('a code counts down from a minute', async () => {
  const laptop = await Device.open(browser)
  await register(laptop)
  await getCode(laptop)
  const left = async () => Number.parseInt(await laptop.page.locator('#code-seconds').textContent(), 10)
  const first = await left()
  assert.ok(first <= 60 && first > 0, `${first} s`)
  await laptop.page.waitForFunction(
    (before) => Number.parseInt(document.getElementById('code-seconds').textContent, 10) < before,
    first,
  )
})
