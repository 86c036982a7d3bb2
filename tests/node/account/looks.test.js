// How the pages look at an application that has a colour and a logo of its own.

import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import axe from 'axe-core'

import { Device, launch } from '../support/browser.js'
import { latchkey } from '../support/latchkey.js'
import { at, organization, withoutAutofill } from '../support/pages.js'

const browser = await launch()

const folder = await mkdtemp(join(tmpdir(), 'latchkey-looks-'))
after(() => rm(folder, { recursive: true }))

/** Twice as wide as it is high, with styles of its own. */
const LOGO = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 10">
  <style>path { fill: #ffcc00 }</style>
  <path d="M0 0h20v10H0z" style="stroke: #000000"/>
</svg>`

test('an application has its logo, its name and its colour on every page, readable in both themes', async () => {
  const { orgId } = await organization(['branded', 'plain'])
  const { appId } = await latchkey('application', 'list', '--org', orgId)
  const file = join(folder, 'logo.svg')
  await writeFile(file, LOGO)
  const words = ['--application', appId, '--accent', '#FFCC00', '--logo', file]
  const { accent, logo } = await latchkey('application', 'update', ...words)
  assert.equal(accent, '#ffcc00')
  assert.match(logo, /^[0-9a-f]{64}$/)

  const device = await Device.open(browser)
  await withoutAutofill(device)
  const { page } = device
  await page.goto(`${at('branded')}/`)
  // What the service knows of applications is a few seconds old.
  const isKnown = () =>
    page.evaluate(async () => {
      const text = async (asset) => (await fetch(`./assets/${asset}`)).text()
      return (await text('look.css')) !== '' && (await text('logo')).includes('#ffcc00')
    })
  while (!(await isKnown())) {
    await page.waitForTimeout(200)
  }
  for (const path of ['', 'register', 'enrol', 'recover']) {
    await page.goto(`${at('branded')}/${path}`)
    await page.waitForFunction(() => document.title.endsWith(' · branded'))
    const shown = await page.locator('header img').evaluate((picture) => {
      const { clientHeight, clientWidth, complete, naturalHeight } = picture
      return { isThere: complete && naturalHeight > 0, ratio: clientWidth / clientHeight }
    })
    assert.deepEqual(shown, { isThere: true, ratio: 2 })
    await page.evaluate(axe.source)
    for (const [colorScheme, isAsItIs] of [
      ['light', false],
      ['dark', true],
    ]) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      const colour = await page.evaluate(() =>
        getComputedStyle(document.documentElement).getPropertyValue('--accent').trim(),
      )
      assert.equal(colour === '#ffcc00', isAsItIs, colour)
      const { violations } = await page.evaluate(() => globalThis.axe.run())
      assert.deepEqual(violations.map(({ id }) => id), [], `${colorScheme} of /${path}`)
    }
  }
  assert.deepEqual([device.errors, device.violations], [[], []])

  // The other application of the organization looks as always; opened as a page, a logo does nothing.
  await page.goto(`${at('plain')}/`)
  const plain = await page.evaluate(async () => (await fetch('./assets/look.css')).text())
  assert.equal(plain, '')
  const opened = await page.goto(`${at('branded')}/assets/logo`)
  assert.match(opened.headers()['content-security-policy'], /^default-src 'none';.*; sandbox/)
})
