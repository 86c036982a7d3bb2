// `/register`: the first passkey and the recovery kit, and `/` for those who have them.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'

import { Device, holds, launch, press } from '../support/browser.js'
import { invite } from '../support/latchkey.js'
import {
  callsTo, closeStorage, linkOf, loseAnswer, one, register, sendTwice, withoutAutofill,
} from '../support/pages.js'

const browser = await launch()

test('the recovery kit is saved, and its code never leaves the browser', async () => {
  const device = await Device.open(browser)
  const sent = []
  device.page.on('request', (request) => sent.push(`${request.url()} ${request.postData()}`))
  const invited = await invite()
  await device.page.goto(linkOf(invited))
  await device.page.getByRole('button', { name: 'Make my passkey' }).click()
  const shown = device.page.getByText(/^D1-[A-HJ-NP-Z2-9]{6}(-[A-HJ-NP-Z2-9]{5}){4}-[A-HJ-NP-Z2-9]{6}$/)
  const code = await shown.textContent()
  const [download] = await Promise.all([
    device.page.waitForEvent('download'),
    device.page.getByRole('link', { name: 'Save as a file' }).click(),
  ])
  assert.equal(download.suggestedFilename(), 'recovery-kit-one.localhost.txt')
  const saved = await readFile(await download.path(), 'utf8')
  assert.ok(saved.includes(code), saved)
  assert.ok(saved.includes(invited.username), saved)

  const registration = sent.find((request) => request.startsWith(`${one}/auth/registration {`))
  const { recoveryCredential } = JSON.parse(registration.slice(registration.indexOf('{')))
  const number = await device.page.evaluate(async (credentialId) => {
    const { numberOf } = await import('/assets/scripts/kit.js')
    return numberOf(credentialId)
  }, recoveryCredential.credentialInfo.credId)
  assert.equal(await device.page.locator('#kit-number').textContent(), number)
  assert.ok(saved.includes(`Kit number  ${number}\n`), saved)
  const plain = code.replaceAll('-', '').slice(2)
  for (const request of sent) {
    assert.ok(!request.replaceAll('-', '').includes(plain), request)
  }
})

test('the kit opens what the service keeps of it, and nothing else does', async () => {
  const device = await Device.open(browser)
  await device.page.goto(`${one}/`)
  const outcome = await device.page.evaluate(async () => {
    const { makeKit, openKit, tidyCode } = await import('/assets/scripts/kit.js')
    const user = { id: 'us-1', name: 'Ada@Example.com', displayName: 'Ada' }
    const { kit, credential } = await makeKit({ challenge: 'Y2gtMQ', user })
    const { encryptedPrivateKey } = credential
    const typed = tidyCode(kit.code.toLowerCase().replaceAll('-', ' '))
    const wide = kit.code.replaceAll(/[!-~]/g, (symbol) => String.fromCharCode(symbol.charCodeAt(0) + 0xfee0))
    const key = await openKit({ code: typed, username: ' ada@example.com' }, encryptedPrivateKey)
    const wrong = kit.code.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))
    const attempt = (promise) => promise.then(() => 'opened', ({ code }) => code)
    return {
      isTidy: typed === kit.code && tidyCode(wide) === kit.code,
      type: key.type,
      isExtractable: key.extractable,
      wrongCode: await attempt(openKit({ ...kit, code: wrong }, encryptedPrivateKey)),
      wrongUser: await attempt(openKit({ ...kit, username: 'eve' }, encryptedPrivateKey)),
      malformed: await attempt((async () => tidyCode('D1-AAAA'))()),
    }
  })
  assert.deepEqual(outcome, {
    isTidy: true,
    type: 'private',
    isExtractable: false,
    wrongCode: 'kit_code_wrong',
    wrongUser: 'kit_code_wrong',
    malformed: 'kit_code_malformed',
  })
})

test('a kit number is short, notices slips, and is the one that the service finds a kit by', async () => {
  const device = await Device.open(browser)
  await device.page.goto(`${one}/`)
  const outcome = await device.page.evaluate(async () => {
    const { numberOf, tidyNumber } = await import('/assets/scripts/kit.js')
    const attempt = (typed) => {
      try {
        return tidyNumber(typed)
      } catch ({ code }) {
        return code
      }
    }
    const older = '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU'
    return {
      numbers: await Promise.all(['cmVjb3Zlcnkta2l0', 'cmVjb3Zlcnkta2l0=', older].map(numberOf)),
      typed: ['4jfc wm3s', ' 4JFC–WM3S ', '4JFCWM3S', '４ＪＦＣ-WM3S', older].map(attempt),
      wrong: ['', '4JFC-WM3', '4JFC-WM3SS', '4JFC-WM3T', '4JFC-WMS3', 'J4FC-WM3S', '4JFC-WM30'].map(attempt),
    }
  })
  const number = '4JFC-WM3S'
  // As in the test of `KitNumber`.
  assert.deepEqual(outcome.numbers, [number, number, 'MJP3-ZVQT'])
  const older = '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU'
  assert.deepEqual(outcome.typed, [number, number, number, number, older])
  assert.deepEqual(new Set(outcome.wrong), new Set(['kit_number_malformed']))
})

test('an invitation outlives a reload, and whoever registers is signed in with one prompt', async () => {
  const device = await Device.open(browser)
  const { page } = device
  await page.addInitScript(() => {
    const { get } = navigator.credentials
    navigator.credentials.get = function (options) {
      sessionStorage.setItem('asked', 'again')
      return get.call(this, options)
    }
  })
  const { username, ...invitation } = await invite()
  await page.goto(linkOf({ username, ...invitation }))
  const create = page.getByRole('button', { name: 'Make my passkey' })
  await create.waitFor()
  assert.equal(page.url(), `${one}/register`)
  await page.reload()
  await page.getByText(`as ${username}`).waitFor()
  await create.click()
  await page.getByRole('link', { name: 'Save as a file' }).click()
  await page.getByRole('button', { name: 'Continue' }).click()
  const card = page.getByRole('listitem', { name: 'Chrome on Linux' })
  await card.getByText('This device, signed in').waitFor()
  await page.getByText(`Signed in as ${username}`).waitFor()
  assert.equal(await page.evaluate(() => sessionStorage.getItem('asked')), null)
  // What was used is kept no longer.
  await page.goto(`${one}/register`)
  await page.getByRole('heading', { name: 'Open the link from your invitation' }).waitFor()
  // And who is signed in is led on.
  await page.getByText(`You are signed in here already, as ${username}.`).waitFor()
  await page.getByRole('link', { name: 'Go to your account' }).click()
  await page.getByText(`Signed in as ${username}`).waitFor()
})

test('an invitation that could not be looked at is looked at again', async () => {
  const device = await Device.open(browser)
  const { page } = device
  const { username, ...invitation } = await invite()
  const json = { error: { code: 'unavailable', message: 'not now' } }
  const isAway = (route) => route.fulfill({ status: 503, json })
  const away = page.getByRole('alert').getByText('The service cannot answer at present.')
  for (const path of ['**/auth/application', '**/auth/registration/init']) {
    await page.route(path, isAway, { times: 1 })
    await page.goto('about:blank')
    await page.goto(linkOf({ username, ...invitation }))
    await away.waitFor()
    await press(device, 'Load again')
    await page.getByText(`as ${username}`).waitFor()
    await page.getByRole('button', { name: 'Make my passkey' }).waitFor()
    assert.equal(await away.count(), 0)
  }
  assert.deepEqual(device.violations, [])
})

test('whoever has to wait with an invitation can load it again when that is over', async () => {
  const device = await Device.open(browser)
  const { page } = device
  const json = { error: { code: 'too_many_attempts', message: 'too many attempts' } }
  const tooMany = (route) => route.fulfill({ status: 429, headers: { 'retry-after': '1' }, json })
  await page.route('**/auth/registration/init', tooMany, { times: 1 })
  await page.goto(linkOf(await invite()))
  await page.getByText('You can try again now.').waitFor()
  await page.getByText('There were too many attempts.').waitFor({ state: 'hidden' })
  const again = page.getByRole('button', { name: 'Load again' })
  assert.ok(await again.evaluate((button) => button === document.activeElement))
  await press(device, 'Load again')
  await page.getByRole('button', { name: 'Make my passkey' }).waitFor()
})

test('a kit on the screen of one tab is no matter for another one, until it is left', async () => {
  const device = await Device.open(browser)
  const { page } = device
  await page.goto(linkOf(await invite()))
  await press(device, 'Make my passkey')
  await page.getByText(/^D1-/).waitFor()
  const [second, third] = [await device.context.newPage(), await device.context.newPage()]
  for (const tab of [second, third]) {
    await tab.goto(`${one}/account`)
    await tab.getByRole('listitem', { name: 'Recovery kit' }).waitFor()
  }
  const banner = (tab) => tab.getByText('You may never have seen your recovery kit')
  await second.waitForFunction(
    async () => (await navigator.locks.query()).pending.filter(({ name }) => name === 'latchkey.kit-shown').length === 2,
    undefined,
    { polling: 200 },
  )
  assert.equal(await banner(second).isVisible(), false)
  await page.close()
  await banner(second).waitFor()
  await banner(third).waitFor()
  await third.getByRole('button', { name: 'I have it' }).click()
  await banner(second).waitFor({ state: 'hidden' })
  assert.deepEqual(device.violations, [])
})

test('leaving before the kit is kept asks first', async () => {
  const device = await Device.open(browser)
  await device.page.goto(linkOf(await invite()))
  await device.page.getByRole('button', { name: 'Make my passkey' }).click()
  await device.page.getByText(/^D1-/).waitFor()
  // Who stays has kept nothing yet, whatever they leave for later.
  const unkept = () => device.page.evaluate(() => JSON.parse(localStorage.getItem('latchkey.unkept')).length)
  await press(device, 'Continue')
  const stay = device.page.getByRole('button', { name: 'Stay and keep it' })
  await stay.waitFor()
  assert.ok(await stay.evaluate((button) => button === document.activeElement))
  await stay.click()
  assert.equal(await unkept(), 1)
  device.page.once('dialog', (dialog) => dialog.accept())
  await device.page.reload()
  assert.equal(await unkept(), 1)

  await device.page.goto(linkOf(await invite()))
  await press(device, 'Make my passkey')
  await device.page.getByText(/^D1-/).waitFor()
  const asked = new Promise((answer) => {
    device.page.on('dialog', async (dialog) => {
      // Chromium crashes when it is told to close a page whose dialog is not answered.
      await dialog.dismiss()
      answer(dialog.type())
    })
  })
  await device.page.close({ runBeforeUnload: true })
  assert.equal(await asked, 'beforeunload')
})

test('a link that was used already says so', async () => {
  const device = await Device.open(browser)
  const invited = await register(device)
  const other = await Device.open(browser)
  await other.page.goto(linkOf(invited))
  await other.page.getByRole('alert').getByText('This link is not valid, or it was used already.').waitFor()
  assert.equal(await other.page.getByLabel('User name').inputValue(), invited.username)
  assert.equal(other.page.url(), `${one}/register`)
})

test('who is signed in by their invitation, and opens it again, is led to the account', async () => {
  const device = await Device.open(browser)
  const invited = await register(device)
  const tab = await device.context.newPage()
  for (const page of [tab, device.page]) {
    await page.setViewportSize({ width: 390, height: 664 })
    await page.goto(linkOf(invited))
    await page.getByRole('heading', { name: 'Open the link from your invitation' }).waitFor()
    const back = page.getByText(`You are signed in here already, as ${invited.username}.`)
    await back.waitFor()
    assert.equal(await page.getByRole('alert').textContent(), '')
    // And sees it, without having moved the page.
    assert.ok((await back.boundingBox()).y >= 0)
  }
})

test('where the browser keeps nothing, whoever signs in is told so, and the kit is shown all the same', async () => {
  const device = await Device.open(browser)
  const { page } = device
  await withoutAutofill(device)
  await closeStorage(device)
  await page.goto(linkOf(await invite()))
  await page.getByRole('button', { name: 'Make my passkey' }).click()
  await page.getByRole('link', { name: 'Save as a file' }).click()
  const isTold = page.getByRole('alert').getByText('This browser keeps nothing for this site')
  await page.getByRole('button', { name: 'Continue' }).click()
  await isTold.waitFor()
  assert.match(await page.locator('#kit').textContent(), /D1-/)

  await page.goto(`${one}/?return_to=https://shop.example/`)
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click()
  await isTold.waitFor()
  assert.equal(page.url(), `${one}/?return_to=https://shop.example/`)
  assert.deepEqual([device.errors, device.violations], [[], []])
})

test('a damaged link and a name that can be none are told in plain words', async () => {
  const device = await Device.open(browser)
  const { page } = device
  await withoutAutofill(device)
  const { orgId, registrationCode, username } = await invite()
  const alert = page.getByRole('alert')
  for (const damaged of [
    { orgId: orgId.slice(0, -3), registrationCode, username },
    { orgId, registrationCode, username: 'a'.repeat(400) },
  ]) {
    await page.goto(linkOf(damaged))
    await alert.getByText('This link is damaged.').waitFor()
  }
  await page.goto(`${one}/register#code=${registrationCode}`)
  await alert.getByText('This link is damaged.').waitFor()
  // What could not be used is kept no longer.
  await page.reload()
  await page.getByRole('heading', { name: 'Open the link from your invitation' }).waitFor()
  assert.equal(await alert.textContent(), '')
  for (const [path, button] of [
    ['register', 'Send me a new link'],
    ['recover', 'Send me a code'],
    ['', 'Sign in with a passkey'],
  ]) {
    await page.goto(`${one}/${path}`)
    await page.getByLabel('User name').fill('a'.repeat(400))
    await press(device, button)
    await alert.getByText('This cannot be a user name.').waitFor()
  }
  assert.deepEqual([device.errors, device.violations], [[], []])
})

test('without a link the page says where to find it', async () => {
  const device = await Device.open(browser)
  await device.page.goto(`${one}/register`)
  await device.page.getByRole('heading', { name: 'Open the link from your invitation' }).waitFor()
})

test('without a link, the code from the invitation is entered', async () => {
  const device = await Device.open(browser)
  const { page } = device
  const { orgId, username, registrationCode } = await invite()
  await page.goto(`${one}/register`)
  await page.getByLabel('User name').fill(username)
  const field = page.getByLabel('Registration code')
  const isInvalid = () => field.getAttribute('aria-invalid')
  const calls = callsTo(device, '/auth/registration/init')
  await field.fill(registrationCode.slice(0, -1))
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.getByRole('alert').getByText('This is not a whole registration code').waitFor()
  assert.equal(await isInvalid(), 'true')
  assert.deepEqual(calls, [])
  await field.fill(`rc_${'A'.repeat(43)}`)
  assert.equal(await isInvalid(), null)
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.getByRole('alert').getByText('This code is not one for this user name').waitFor()
  assert.equal(await isInvalid(), 'true')
  // The link of an invitation does as well.
  await field.fill(` ${linkOf({ orgId, username, registrationCode })} `)
  assert.equal(await field.inputValue(), registrationCode)
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.getByText(`as ${username}`).waitFor()
  await page.getByRole('button', { name: 'Make my passkey' }).click()
  await page.getByText(/^D1-/).waitFor()
})

test('a new link is asked for by the user name alone', async () => {
  const device = await Device.open(browser)
  const { page } = device
  await page.goto(`${one}/register`)
  await page.getByLabel('User name').fill('nobody@example.com')
  await page.getByRole('button', { name: 'Send me a new link' }).click()
  const said = page.getByText('and this service sends mail, a new link comes to your mailbox.')
  await said.getByText('If none comes, ask whoever invited you.').waitFor()
})

test('the transports of a passkey are kept, and come back in the prompts that follow', async () => {
  const device = await Device.open(browser)
  const { page } = device
  const made = callsTo(device, '/auth/registration')
  await page.addInitScript(() => {
    const { create, get } = navigator.credentials
    globalThis.asked = []
    navigator.credentials.create = function (options) {
      globalThis.asked.push(options.publicKey.hints)
      return create.call(this, options)
    }
    navigator.credentials.get = function (options) {
      const { allowCredentials, hints } = options.publicKey
      globalThis.asked.push({ hints, transports: allowCredentials.map(({ transports }) => transports) })
      return get.call(this, options)
    }
  })
  await page.goto(linkOf(await invite()))
  await page.getByRole('button', { name: 'Make my passkey' }).click()
  await page.getByRole('link', { name: 'Save as a file' }).click()
  assert.deepEqual(made[0].firstFactorCredential.credentialInfo.transports, ['internal'])
  assert.deepEqual(await page.evaluate(() => globalThis.asked), [['client-device']])
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.getByRole('listitem', { name: 'Chrome on Linux' }).waitFor()
  await page.getByRole('button', { name: 'Get a code' }).click()
  await page.getByText('Open the link in this browser').waitFor()
  const asked = await page.evaluate(() => globalThis.asked)
  assert.deepEqual(asked, [{ hints: ['client-device'], transports: [['internal']] }])
})

test('a tab is called as the application is', async () => {
  const device = await Device.open(browser)
  const { page } = device
  for (const [path, title] of [
    ['/', 'Sign in · One'],
    ['/register', 'Register · One'],
    ['/enrol', 'Add a passkey · One'],
    ['/recover', 'Recover your account · One'],
  ]) {
    await page.goto(`${one}${path}`)
    await page.waitForFunction((wanted) => document.title === wanted, title)
  }
  await register(device)
  assert.equal(await page.title(), 'Your account · One')
})

test('a dismissed prompt leaves the registration as it was', async () => {
  const device = await Device.open(browser)
  await device.setUserVerified(false)
  await device.page.goto(linkOf(await invite()))
  await device.page.getByRole('button', { name: 'Make my passkey' }).click()
  await device.page.getByRole('alert').getByText('The prompt was closed').waitFor()
  await device.setUserVerified(true)
  await device.page.getByRole('button', { name: 'Make my passkey' }).click()
  await device.page.getByText(/^D1-/).waitFor()
})

test('an answer to a registration that is lost locks nobody out', async () => {
  for (const reaches of [false, true]) {
    const device = await Device.open(browser)
    const { page } = device
    await withoutAutofill(device)
    const { username, ...invitation } = await invite()
    await page.goto(linkOf({ username, ...invitation }))
    const create = page.getByRole('button', { name: 'Make my passkey' })
    await create.waitFor()
    await loseAnswer(device, one, { path: '/auth/registration', reaches })
    await create.click()
    await page.getByRole('alert').getByText('The service cannot be reached.').waitFor()
    const before = await device.passkeys()
    await create.click()
    await page.getByText(/^D1-/).waitFor()
    // Nobody was asked for another one.
    const after = await device.passkeys()
    assert.deepEqual(after.map(({ credentialId }) => credentialId), before.map(({ credentialId }) => credentialId))
    await page.getByRole('link', { name: 'Save as a file' }).click()
    await page.getByRole('button', { name: 'Continue' }).click()
    await page.getByText(`Signed in as ${username}`).waitFor()
    await page.getByRole('listitem', { name: 'Recovery kit' }).waitFor()
    assert.equal(await page.locator('#no-kit').isVisible(), false)
    assert.deepEqual(device.violations, [])
  }
})

test('what the browser has sent twice by itself is registered, and its kit is shown', async () => {
  const device = await Device.open(browser)
  const { page } = device
  const { username, ...invitation } = await invite()
  await page.goto(linkOf({ username, ...invitation }))
  await page.getByRole('button', { name: 'Make my passkey' }).waitFor()
  await sendTwice(device, one, '/auth/registration')
  await press(device, 'Make my passkey')
  await page.getByText(/^D1-/).waitFor()
  await page.getByRole('link', { name: 'Save as a file' }).click()
  await press(device, 'Continue')
  await page.getByText(`Signed in as ${username}`).waitFor()
  assert.equal((await device.passkeys()).length, 1)
})

test('a kit that was made and never shown is told of, until another one takes its place', async () => {
  const device = await Device.open(browser)
  const { page } = device
  await withoutAutofill(device)
  await page.goto(linkOf(await invite()))
  const create = page.getByRole('button', { name: 'Make my passkey' })
  await create.waitFor()
  await loseAnswer(device, one, { path: '/auth/registration', reaches: true })
  await create.click()
  await page.getByRole('alert').getByText('The service cannot be reached.').waitFor()
  await page.goto(`${one}/`)
  await press(device, 'Sign in with a passkey')
  await page.getByRole('listitem', { name: 'Recovery kit' }).waitFor()
  const banner = page.getByText('You may never have seen your recovery kit')
  await banner.waitFor()
  await page.reload()
  await banner.waitFor()
  await page.locator('#no-kit').getByRole('button', { name: 'Make a new recovery kit' }).click()
  await page.getByText(/^D1-/).waitFor()
  assert.equal(await banner.isVisible(), false)
  await press(device, 'Do not use it')
  await banner.waitFor()
  await page.locator('#no-kit').getByRole('button', { name: 'Make a new recovery kit' }).click()
  await page.getByRole('link', { name: 'Save as a file' }).click()
  await press(device, 'I have kept it: use this kit')
  await page.getByText('Your new recovery kit is in use').waitFor()
  await press(device, 'Done')
  assert.equal(await banner.isVisible(), false)
  // What nobody here has written there stops nothing.
  await page.evaluate(() => localStorage.setItem('latchkey.unkept', 'no list'))
  await page.reload()
  await page.locator('#code-place option').first().waitFor({ state: 'attached' })
  await press(device, 'Make a new recovery kit')
  await page.getByText(/^D1-/).waitFor()
  assert.deepEqual(device.violations, [])
})

test('whoever gives a name that nobody has is told what to do', async () => {
  const device = await Device.open(browser)
  await withoutAutofill(device)
  await device.page.goto(`${one}/`)
  await device.page.getByLabel('User name').fill('nobody@example.com')
  await device.page.getByRole('button', { name: 'Sign in with a passkey' }).click()
  const alert = device.page.getByRole('alert')
  await alert.getByText('Check how it is spelled.').waitFor()
  await alert.getByText('get a code there and choose “I have a code”').waitFor()
})

test('a name may be given, and then only passkeys of that user will do', async () => {
  const device = await Device.open(browser)
  const invited = await register(device)
  await withoutAutofill(device)
  await device.page.goto(`${one}/`)
  await device.page.getByLabel('User name').fill(invited.username)
  await device.page.getByRole('button', { name: 'Sign in with a passkey' }).click()
  await device.page.getByText(`Signed in as ${invited.username}`).waitFor()
})

test('who has registered in another tab is led to the account, and what was made here opens nothing', async () => {
  const device = await Device.open(browser)
  const { context, page } = device
  const link = linkOf(await invite())
  await page.goto(link)
  await page.getByRole('button', { name: 'Make my passkey' }).waitFor()
  const tab = await context.newPage()
  const other = Object.assign(new Device(), { page: tab, session: await context.newCDPSession(tab) })
  await other.session.send('WebAuthn.enable')
  await other.plugIn()
  await tab.goto(link)
  await press(other, 'Make my passkey')
  await tab.getByText(/^D1-/).waitFor()
  await page.bringToFront()
  await press(device, 'Make my passkey')
  await page.getByText('You are signed in here already').waitFor()
  // The passkey of the other tab is in an authenticator of its own.
  await holds(device, 0)
  await page.getByRole('link', { name: 'Go to your account' }).click()
  await page.getByRole('listitem', { name: device.name }).waitFor()
})
