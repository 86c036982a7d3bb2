// The pages in the language of the browser.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'

import { Device, launch, press } from '../support/browser.js'
import { baseUrl, invite } from '../support/latchkey.js'
import { linkOf, one, withoutAutofill } from '../support/pages.js'

const browser = await launch()

/** What is English on a page in another language: in texts, in what is only heard, and in the title of its tab. */
function english({ page }) {
  return page.evaluate(() => {
    const texts = globalThis.latchkeyTexts
    const said = [document.title.split(' · ')[0]]
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    while (walker.nextNode()) {
      if (!walker.currentNode.parentElement.closest('[translate="no"]')) {
        said.push(walker.currentNode.textContent.trim())
      }
    }
    for (const name of ['alt', 'aria-label', 'placeholder', 'title']) {
      for (const element of document.querySelectorAll(`[${name}]`)) {
        said.push(element.getAttribute(name))
      }
    }
    return said.filter((text) => Object.hasOwn(texts, text) && texts[text] !== text)
  })
}

async function isGerman(device) {
  assert.deepEqual(await english(device), [], device.page.url())
  assert.equal(await device.page.evaluate(() => document.documentElement.lang), 'de')
  assert.deepEqual([device.errors, device.violations], [[], []])
}

test('who reads German registers, gets a code and uses it in German; the kit is read in every language', async () => {
  const laptop = await Device.open(browser, { locale: 'de-DE' })
  const { page } = laptop
  const invited = await invite()
  await page.goto(linkOf(invited))
  await page.getByText(`Sie wurden als ${invited.username} zu One eingeladen.`).waitFor()
  assert.equal(await page.title(), 'Registrieren · One')
  await isGerman(laptop)
  await press(laptop, 'Meinen Passkey erstellen')
  await page.getByText(/^D1-/).waitFor()
  await isGerman(laptop)
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'Als Datei speichern' }).click(),
  ])
  const kit = await download.path()
  const saved = await readFile(kit, 'utf8')
  assert.ok(saved.startsWith('Wiederherstellungs-Set für One\n'), saved)
  await page.locator('[data-step="kit"] .primary').click()
  await page.getByRole('listitem', { name: 'Chrome auf Linux' }).waitFor()
  await isGerman(laptop)
  // What nobody has named is called in the language of whoever looks at it.
  const french = (route) =>
    route.continue({ headers: { ...route.request().headers(), 'accept-language': 'fr' } })
  await page.route(`${one}/account`, french, { times: 1 })
  for (const kind of ['Kit de récupération', 'Wiederherstellungs-Set']) {
    await page.reload()
    await page.getByRole('listitem', { name: kind }).waitFor()
  }
  await press(laptop, 'Code anfordern')
  await page.locator('.step', { hasText: 'Warten darauf, dass der Code verwendet wird' }).waitFor()
  const link = await page.locator('#code-link').getAttribute('href')
  await isGerman(laptop)

  const phone = await Device.open(browser, { locale: 'de-AT' })
  await phone.page.goto(`${new URL(link).origin}/enrol#cc_${'A'.repeat(43)}`)
  await press(phone, 'Weiter')
  await phone.page.getByRole('alert').getByText('Dieser Code ist hier ungültig').waitFor()
  await isGerman(phone)
  await phone.page.goto(link)
  await press(phone, 'Weiter')
  await press(phone, 'Passkey erstellen')
  await phone.page.getByRole('heading', { name: 'Ihr Passkey ist hinzugefügt' }).waitFor()
  await isGerman(phone)
  await page.locator('.step', { hasText: 'Der Passkey ist hinzugefügt' }).waitFor()

  const another = await Device.open(browser)
  await another.page.goto(`${one}/recover`)
  await another.page.getByLabel('User name').fill(invited.username)
  await press(another, 'Send me a code')
  await another.page.getByLabel('Saved kit').setInputFiles(kit)
  await another.page.waitForFunction(() => document.getElementById('recovery-code').value.startsWith('D1'))
  assert.equal(await another.page.getByRole('alert').textContent(), '')
})

test('the browser says which language it is, and without one that there is it is English', async () => {
  for (const [locale, lang, heading] of [
    ['fr-CA', 'fr', 'Se connecter'],
    ['es-MX', 'es', 'Iniciar sesión'],
    ['ja-JP', 'en', 'Sign in'],
  ]) {
    const device = await Device.open(browser, { locale })
    await withoutAutofill(device)
    const { page } = device
    for (const path of ['', 'enrol', 'recover', 'register']) {
      await page.goto(`${one}/${path}`)
      assert.equal(await page.evaluate(() => document.documentElement.lang), lang)
      if (lang !== 'en') {
        assert.deepEqual(await english(device), [], `${locale} of /${path}`)
      }
    }
    await page.goto(`${one}/`)
    await page.getByRole('heading', { name: heading }).waitFor()
    assert.deepEqual([device.errors, device.violations], [[], []])
    await device.close()
  }
})

test('what is told where no application is comes in that language too', async () => {
  const device = await Device.open(browser, { locale: 'de-CH' })
  await device.page.goto(`${baseUrl}/`)
  await device.page.getByRole('heading', { name: 'Anmelden ohne Passwort' }).waitFor()
  await device.page.goto(`${one}/nowhere`)
  await device.page.getByRole('heading', { name: 'Hier ist nichts' }).waitFor()
})
