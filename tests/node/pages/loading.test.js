// A page before its modules are there, and after it was left.

import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'

import { Device, launch } from '../support/browser.js'
import { one, register, withoutAutofill } from '../support/pages.js'

const browser = await launch()
const keeping = await launch({ ignoreDefaultArgs: ['--disable-back-forward-cache'] })

/** Every page there is, by where it is. */
const PAGES = readdirSync(new URL('../../../crates/web/assets/pages/', import.meta.url)).map((file) =>
  file === 'index.html' ? '' : file.replace('.html', ''),
)

/** What can be pressed on the page, or sent from it. */
const CONTROLS = 'main :is(button, input, select)'

for (const path of PAGES) {
  test(`nothing is lost that is pressed before the modules of /${path} are there`, async () => {
    const { page, errors, violations } = await Device.open(browser)
    let release
    const held = new Promise((resolve) => (release = resolve))
    await page.route('**/assets/scripts/*.js', (route) => held.then(() => route.continue()))
    await page.goto(`${one}/${path}`, { waitUntil: 'commit' })
    await page.locator('noscript').waitFor({ state: 'attached' })
    await page.evaluate((controls) => {
      for (const control of document.querySelectorAll(controls)) {
        if (control.checkVisibility()) {
          control.click()
        }
      }
    }, CONTROLS)
    release()
    await page.locator(CONTROLS).and(page.locator(':visible')).first().waitFor()
    assert.deepEqual(violations, [])
    assert.deepEqual(errors, [])
  })
}

test('a page that has not loaded completely says so after a while, and claims nothing', async () => {
  const { page, violations } = await Device.open(browser)
  const notice = page.getByText('This page has not loaded completely yet.')
  const isShownAfter = async (milliseconds) => {
    await notice.evaluate((it, milliseconds) => {
      const [waiting] = it.getAnimations()
      waiting.pause()
      waiting.currentTime = milliseconds
    }, milliseconds)
    return notice.isVisible()
  }
  await page.route('**/assets/scripts/encoding.js', (route) => route.abort())
  for (const path of PAGES) {
    await page.goto(`${one}/${path}`)
    assert.deepEqual([await isShownAfter(4999), await isShownAfter(5000)], [false, true], path)
    assert.equal(await page.getByText('Signed in as').isVisible(), false, path)
  }
  await page.unrouteAll()
  for (const path of PAGES) {
    await page.goto(`${one}/${path}`)
    await page.locator(CONTROLS).and(page.locator(':visible')).first().waitFor()
    assert.equal(await notice.count(), 0, path)
  }
  assert.deepEqual(violations, [])
})

test('all modules of a page are asked for at once', async () => {
  const device = await Device.open(browser)
  const { page } = device
  await withoutAutofill(device)
  // Where nobody is signed in an account leads to the first page.
  await register(device)
  for (const path of PAGES) {
    await page.goto(`${one}/${path}`)
    const { imported, preloaded } = await page.evaluate(() => {
      const resources = performance.getEntriesByType('resource').map(({ name }) => name)
      const [{ src }] = document.querySelectorAll('script[type=module]')
      const links = [...document.querySelectorAll('link[rel=modulepreload]')]
      return {
        imported: resources.filter((name) => name.endsWith('.js') && name !== src).sort(),
        preloaded: links.map(({ href }) => href).sort(),
      }
    })
    assert.ok(imported.length > 10, path)
    assert.deepEqual(imported, preloaded, path)
  }
})

test('who goes back after signing out sees no account', async () => {
  const device = await Device.open(keeping)
  const { page } = device
  await withoutAutofill(device)
  await page.addInitScript(() =>
    addEventListener('pageshow', ({ persisted }) => persisted && sessionStorage.setItem('kept', 'yes')),
  )
  await register(device)
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByText('You are signed out.').waitFor()
  await page.evaluate(() => history.back())
  await page.getByText('You are not signed in here.').waitFor()
  assert.equal(await page.evaluate(() => sessionStorage.getItem('kept')), 'yes')
})
