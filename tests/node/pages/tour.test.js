// Every page in every state: nothing that axe-core objects to, in both themes, and nothing that cannot be clicked, at
// every size. With a folder in LATCHKEY_SCREENSHOTS there are pictures of them all besides (`cargo xtask
// screenshots`).

import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'

import axe from 'axe-core'

import { Device, VIEWPORT, launch } from '../support/browser.js'
import { baseUrl, invite, latchkey, orgId } from '../support/latchkey.js'
import {
  at,
  claim,
  getCode,
  letAsk,
  linkOf,
  one,
  organization,
  register,
  settled,
  two,
  withoutAutofill,
} from '../support/pages.js'

const folder = process.env.LATCHKEY_SCREENSHOTS

const THEMES = ['light', 'dark']

const SIZES = [
  { width: 1280, height: 800 },
  { width: 1366, height: 682 },
  { width: 768, height: 1024 },
  { width: 390, height: 844 },
  { width: 320, height: 640 },
]

/** What a window of 1280×800 has for a page at 200 % zoom: half of it, in the pixels that pages are laid out in. */
const ZOOMED = { width: 640, height: 400 }

const browser = await launch()

let number = 0

/** Looks at the page as it is now. */
async function see(name, { page, errors, violations }) {
  number += 1
  await page.evaluate(axe.source)
  for (const colorScheme of THEMES) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    if (folder) {
      await photograph(page, `${String(number).padStart(2, '0')}-${name}-${colorScheme}`)
    }
    const { passes, violations: found } = await page.evaluate(() => globalThis.axe.run())
    assert.ok(passes.length > 10, `${name}: axe looked at nothing`)
    const problems = found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
    assert.deepEqual(problems, [], `${name}, ${colorScheme}`)
  }
  if ((await page.locator('.messages').count()) > 0) {
    await tryClicks(name, page)
  }
  assert.deepEqual(errors, [], name)
  assert.deepEqual(violations, [], name)
}

/** Every control can be clicked wherever it is in the window, once it has been there for a moment. */
async function tryClicks(name, page) {
  const usual = page.viewportSize()
  await settled({ page })
  for (const size of [...SIZES, ZOOMED]) {
    await page.setViewportSize(size)
    const { covered, tried, tooWide } = await page.evaluate(() => {
      const place = document.querySelector('dialog[open]') ?? document
      const controls = [...place.querySelectorAll('a[href], button, input, select')]
      const shown = controls.filter((control) => control.checkVisibility())
      const before = scrollY
      const covered = shown.filter((control) => {
        scrollTo(0, scrollY + control.getBoundingClientRect().bottom - innerHeight)
        // A link that is broken over two lines is its first part.
        const [{ left, top, width, height }] = control.getClientRects()
        const hit = document.elementFromPoint(left + width / 2, top + height / 2)
        return !control.contains(hit)
      })
      scrollTo(0, before)
      return { covered: covered.map(({ outerHTML }) => outerHTML), tried: shown.length, tooWide: document.documentElement.scrollWidth - innerWidth }
    })
    assert.ok(tooWide <= 0, `${name} at ${size.width}×${size.height}: ${tooWide} px are beside the window`)
    assert.ok(tried > 0, `${name}: there is nothing to click`)
    assert.deepEqual(covered, [], `${name} at ${size.width}×${size.height}`)
  }
  await page.setViewportSize(usual)
}

async function photograph(page, name) {
  await mkdir(folder, { recursive: true })
  const usual = page.viewportSize()
  for (const size of SIZES) {
    await page.setViewportSize(size)
    await page.screenshot({ path: join(folder, `${name}-${size.width}.png`), fullPage: true })
  }
  await page.setViewportSize(usual)
}

const press = ({ page }, name) => page.getByRole('button', { name, exact: true }).click()

test('registration and sign-in', async () => {
  const device = await Device.open(browser)
  await withoutAutofill(device)
  await device.page.goto(`${one}/`)
  await device.page.getByRole('link', { name: 'One' }).waitFor()
  await see('sign-in', device)
  await device.page.getByLabel('User name').fill('nobody@example.com')
  await press(device, 'Sign in with a passkey')
  await device.page.getByRole('alert').getByText('There is no passkey that works here').waitFor()
  await see('sign-in-unknown', device)
  await device.page.goto(`${one}/register`)
  await device.page.getByRole('heading', { name: 'Open the link from your invitation' }).waitFor()
  await see('register-without-link', device)
  await device.page.goto(linkOf({ ...(await invite()), registrationCode: 'rc_wrong' }))
  await device.page.getByRole('alert').getByText('This link is not valid').waitFor()
  await see('register-wrong-link', device)
  await device.page.goto(linkOf(await invite()))
  await device.page.getByRole('button', { name: 'Make my passkey' }).waitFor()
  await see('register', device)
  await press(device, 'Make my passkey')
  await device.page.getByText(/^D1-/).waitFor()
  await see('register-kit', device)
  await device.page.emulateMedia({ media: 'print' })
  assert.deepEqual(await device.page.getByRole('heading').allTextContents(), ['Recovery kit for One'])
  for (const words of [/^D1-/, 'Recovery kit for One', 'With this and your mailbox', 'The kit code is not in it.']) {
    assert.equal(await device.page.getByText(words).isVisible(), true, String(words))
  }
})

test('a code, and what becomes of it', async () => {
  const laptop = await Device.open(browser)
  const phone = await Device.open(browser)
  await withoutAutofill(phone)
  const words = ['user', 'invite', '--org', orgId, '--email', 'ada@example.com']
  await register(laptop, one, await latchkey(...words))
  await see('account', laptop)
  const { link } = await getCode(laptop)
  await laptop.page.locator('.step', { hasText: 'Waiting for the other place' }).waitFor()
  await see('account-code', laptop)
  // Code and picture are in sight together.
  const bottom = await laptop.page.evaluate(
    () => document.getElementById('code-picture').getBoundingClientRect().bottom + scrollY,
  )
  assert.ok(bottom <= VIEWPORT.height, `the picture ends at ${bottom}`)

  await phone.page.goto(`${two}/enrol`)
  await phone.page.getByRole('link', { name: 'Two' }).waitFor()
  await see('enrol', phone)
  await phone.page.getByLabel('Code').fill('AAA-AAA-AAA')
  await press(phone, 'Continue')
  await phone.page.getByRole('alert').getByText('This code is not valid').waitFor()
  await see('enrol-wrong-code', phone)
  await phone.page.goto(`${two}/`)
  await claim(phone, link)
  await phone.page.getByRole('button', { name: 'Create the passkey' }).waitFor()
  await see('enrol-confirm', phone)
  await laptop.page.locator('.step', { hasText: 'Opened on' }).waitFor()
  await see('account-opened', laptop)
  await phone.setUserVerified(false)
  await press(phone, 'Create the passkey')
  await phone.page.getByRole('alert').getByText('The prompt was closed').waitFor()
  await see('enrol-dismissed', phone)
  await phone.setUserVerified(true)
  await press(phone, 'Create the passkey')
  await phone.page.getByRole('button', { name: 'Sign in with it' }).waitFor()
  await see('enrol-added', phone)
  await laptop.page.locator('.step', { hasText: 'The passkey is added' }).waitFor()
  await laptop.page.getByRole('listitem', { name: 'Chrome on Linux' }).nth(1).waitFor()
  await see('account-added', laptop)
  await press(phone, 'Sign in with it')
  await phone.page.getByRole('heading', { name: 'It works' }).waitFor()
  await see('enrol-tried', phone)
  const wish = new URLSearchParams({ return_to: `${two}/shop`, code_challenge: 'A'.repeat(43) })
  await phone.page.goto(`${two}/?${wish}`)
  await phone.page.getByRole('button', { name: 'Go back as this user' }).waitFor()
  await see('sign-in-to-go-back', phone)

  const again = await getCode(laptop)
  await claim(phone, again.link)
  await press(phone, 'Create the passkey')
  await phone.page.getByRole('heading', { name: 'No passkey was added' }).waitFor()
  await see('enrol-already-here', phone)
  await laptop.page.locator('.step', { hasText: 'There is a passkey of this account already' }).waitFor()
  await see('account-released', laptop)
  await getCode(laptop)
  await press(laptop, 'Cancel the code')
  await laptop.page.locator('.step', { hasText: 'The code is cancelled' }).waitFor()
  await see('account-cancelled', laptop)
})

test('a place that shows a code', async () => {
  const made = await organization(['seen-showing', 'seen-approving'])
  await letAsk(made, 'seen-showing', 'anywhere')
  const laptop = await Device.open(browser)
  await register(laptop, at('seen-approving'), made)
  await see('account-grant', laptop)
  const place = await Device.open(browser)
  await place.page.goto(`${at('seen-showing')}/enrol`)
  await press(place, 'Show a code here instead')
  await place.page.getByRole('heading', { name: 'Approve this device on your other one' }).waitFor()
  await laptop.page.getByLabel('Code on the device').fill(await place.page.locator('#ask-code').textContent())
  await press(laptop, 'Look at it')
  await laptop.page.getByRole('heading', { name: 'Is this device in front of you?' }).waitFor()
  await see('enrol-ask', place)
  await see('account-grant-question', laptop)
})

test('changes of a credential', async () => {
  const laptop = await Device.open(browser)
  const phone = await Device.open(browser)
  await register(laptop)
  const { link } = await getCode(laptop)
  await claim(phone, link)
  await phone.page.getByRole('button', { name: 'Create the passkey' }).waitFor()
  await phone.page.goto(`${two}/enrol#AAA-AAA-AAA`)
  await phone.page.getByRole('button', { name: 'Go on with the earlier one' }).waitFor()
  await see('enrol-earlier', phone)
  await press(phone, 'Go on with the earlier one')
  await phone.page.getByLabel('Name of the passkey').fill('My phone')
  await press(phone, 'Create the passkey')
  await phone.page.getByRole('heading', { name: 'Your passkey is added' }).waitFor()
  await press(laptop, 'Rename My phone')
  await laptop.page.getByLabel('New name').waitFor()
  await see('account-rename', laptop)
  await press(laptop, 'Cancel')
  await press(laptop, 'Deactivate My phone')
  await laptop.page.getByRole('dialog').waitFor()
  await see('account-question', laptop)
  await laptop.page.getByRole('dialog').getByRole('button', { name: 'Deactivate' }).click()
  await laptop.page.getByText('It is not active any more.').waitFor()
  await see('account-deactivated', laptop)
  await press(laptop, 'Make a new recovery kit')
  await laptop.page.getByText(/^D1-/).waitFor()
  await see('account-kit', laptop)
  await press(laptop, 'Do not use it')
  await press(laptop, 'Delete Recovery kit')
  await laptop.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await laptop.page.getByText('You have no recovery kit').waitFor()
  await see('account-without-kit', laptop)
})

test('the longest names', async () => {
  const made = await organization(['seen-long', 'seen-longer'], '--approval', 'always')
  const words = ['--org', made.orgId, '--email', `maximiliane.${made.orgId}@verwaltung.example.org`]
  const laptop = await Device.open(browser)
  const phone = await Device.open(browser)
  await laptop.page.goto(linkOf(await latchkey('user', 'invite', ...words), at('seen-long')))
  await press(laptop, 'Make my passkey')
  await laptop.page.getByText(/^D1-/).waitFor()
  await see('register-kit-long', laptop)
  await laptop.page.getByRole('link', { name: 'Save as a file' }).click()
  await press(laptop, 'Continue')
  const { link } = await getCode(laptop, 'seen-longer')
  await claim(phone, link)
  await phone.page.getByLabel('Name of the passkey').fill('W'.repeat(128))
  await see('enrol-confirm-long', phone)
  await press(phone, 'Create the passkey')
  await phone.page.getByRole('heading', { name: 'Waiting for your approval' }).waitFor()
  await see('enrol-waiting-long', phone)
  await laptop.page.getByRole('heading', { name: 'Is this you?' }).waitFor()
  await see('account-approval-long', laptop)
  await laptop.page.locator('#code-approval-numbers').getByText(await phone.page.locator('#waiting-number').textContent()).click()
  await laptop.page.getByRole('listitem', { name: 'W'.repeat(128) }).waitFor()
  await see('account-long', laptop)
})

test('recovery', async () => {
  const device = await Device.open(browser)
  await device.page.goto(`${one}/recover#username=ada%40example.com&credentialId=a-kit`)
  await device.page.getByRole('link', { name: 'One' }).waitFor()
  assert.equal(device.page.url(), `${one}/recover`)
  assert.equal(await device.page.getByLabel('User name').inputValue(), 'ada@example.com')
  await see('recover', device)
  await device.page.route('**/auth/recover/user/code', (route) =>
    route.fulfill({ json: { message: 'success' } }),
  )
  await press(device, 'Send me a code')
  await device.page.getByRole('heading', { name: 'Then, your recovery kit' }).waitFor()
  const text = 'User name      ada@example.com\nKit number     abc-1_2\nRecovery code  D1-AAAA\n'
  const file = { name: 'kit.txt', mimeType: 'text/plain', buffer: Buffer.from(text) }
  await device.page.getByLabel('Saved kit').setInputFiles(file)
  await device.page.waitForFunction(() => document.getElementById('number').value === 'abc-1_2')
  await device.page.getByLabel('Code from the mail').fill('AAA-AAA-AAA')
  await press(device, 'Make a new passkey')
  await device.page.getByRole('alert').getByText('The kit code is incomplete').waitFor()
  await see('recover-kit', device)
})

test('a browser without WebAuthn', async () => {
  const old = await Device.open(browser)
  await old.page.addInitScript(() => delete globalThis.PublicKeyCredential)
  await old.page.goto(`${two}/enrol`)
  await old.page.getByRole('heading', { name: 'This browser cannot use passkeys' }).waitFor()
  await see('enrol-unsupported', old)
  await old.page.goto(`${one}/`)
  await old.page.getByRole('alert').getByText('This browser cannot use passkeys').waitFor()
  await see('sign-in-unsupported', old)
})

test('what this is, how it is called, and what is not there', async () => {
  const device = await Device.open(browser)
  const { page } = device
  await page.goto(baseUrl)
  await page.getByRole('heading', { name: 'Signing in without passwords' }).waitFor()
  await see('start', device)
  await page.getByRole('link', { name: 'API reference' }).click()
  await page.getByRole('heading', { name: 'API reference' }).waitFor()
  await page.getByRole('link', { name: 'Complete a sign-in' }).click()
  assert.equal(page.url(), `${baseUrl}/docs#completeLogin`)
  await see('reference', device)
  for (const [address, heading] of [
    [`${baseUrl}/nowhere`, 'There is nothing here'],
    [`${one}/nowhere`, 'There is nothing here'],
    [`${baseUrl}/auth/credentials`, 'This address is for programs'],
  ]) {
    await page.goto(address)
    await page.getByRole('heading', { name: heading }).waitFor()
    await see('refused', device)
  }
})

test('a page that is away is shown as soon as it is back', async () => {
  const { page } = await Device.open(browser)
  const script = '<script type="module" src="/assets/scripts/again.js"></script>'
  const body = `<!doctype html><html lang="en"><title>Away</title>${script}</html>`
  let isAway = true
  await page.route(`${one}/enrol`, (route) => {
    if (isAway) {
      isAway = false
      return route.fulfill({ status: 503, contentType: 'text/html', body })
    }
    return route.continue()
  })
  await page.goto(`${one}/enrol#AAA-AAA-AAA`)
  await page.getByRole('heading', { name: 'Your code is filled in' }).waitFor()
  // The heading is there before the script of the page has run.
  await page.waitForFunction(() =>
    [...document.querySelectorAll('input')].some(({ value }) => value === 'AAA-AAA-AAA')
  )
})
