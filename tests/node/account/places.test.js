// Where an application has pages of its own, and where it has none.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Device, launch } from '../support/browser.js'
import { baseUrl, latchkey } from '../support/latchkey.js'
import { at, callsTo, claim, closeStorage, enrol, getCode, known, organization, register } from '../support/pages.js'

const browser = await launch()

/** Adds an application to an organization, on a domain of its own. */
async function add({ orgId }, domain, ...words) {
  const place = ['--rp-id', `${domain}.localhost`, '--origin', at(domain)]
  await latchkey('application', 'add', '--org', orgId, '--name', domain, ...place, ...words)
  await known(domain)
}

test('a code leads to the own page of an application, and nobody is led where there is none', async () => {
  const made = await organization(['offering', 'ours'])
  const own = `${at('with-own')}/passkeys/new?from=here`
  await add(made, 'with-own', '--enrol-url', own, '--no-pages')
  await add(made, 'without', '--no-pages')
  const laptop = await Device.open(browser)
  await register(laptop, at('offering'), made)
  const places = laptop.page.getByLabel('Where will you use it?').locator('option')
  const names = (await places.allTextContents()).map((text) => text.split(' (')[0])
  assert.deepEqual(names, ['offering', 'ours', 'with-own', 'In another application'])
  await laptop.page.locator('#code-elsewhere').waitFor()
  // Until another one is chosen a code is for this application, and what is chosen stays so in the tab.
  const chosen = async () => (await laptop.page.locator('#code-place option:checked').textContent()).split(' (')[0]
  assert.equal(await chosen(), 'offering')
  await laptop.page.getByLabel('Where will you use it?').selectOption({ label: 'In another application' })
  const asked = callsTo(laptop, '/auth/credentials/code')
  await laptop.page.reload()
  await laptop.page.getByRole('listitem', { name: 'Chrome on Linux' }).waitFor()
  assert.equal(await chosen(), 'In another application')
  // Whether there is a code is asked once: that there is none is an error in the browser's log.
  await laptop.page.waitForLoadState('networkidle')
  assert.equal(asked.length, 1)
  const { link } = await getCode(laptop, 'with-own')
  assert.match(link, /^http:.*\/passkeys\/new\?from=here#cc_/)
  assert.ok(link.startsWith(own))
  const where = await laptop.page.locator('#code-where').textContent()
  assert.equal(where, new URL(own).host + new URL(own).pathname)
  assert.deepEqual([laptop.errors, laptop.violations], [[], []])
})

test('a place is shown with the host that its codes lead to', async () => {
  const made = await organization(['led', 'leading'])
  const second = at('id.elsewhere')
  const own = ['--origin', second, '--enrol-url', `${second}/passkeys/new`, '--no-pages']
  await add(made, 'elsewhere', ...own)
  const laptop = await Device.open(browser)
  await register(laptop, at('led'), made)
  const places = laptop.page.getByLabel('Where will you use it?').locator('option')
  const shown = (await places.allTextContents()).find((text) => text.startsWith('elsewhere'))
  assert.equal(shown, `elsewhere (${new URL(second).host})`)
})

test('where the organization lets it, whoever adds a passkey is signed in with it, and asked once', async () => {
  const made = await organization(['swift', 'swifter'])
  await latchkey('organization', 'set-code-sign-in', '--org', made.orgId, 'at-once')
  // Whoever knows of the next application has read of this, too.
  await add(made, 'swiftest')
  const laptop = await Device.open(browser)
  await register(laptop, at('swift'), made)
  const { link } = await getCode(laptop, 'swifter')
  const phone = await Device.open(browser)
  await phone.page.addInitScript(() => {
    const { get } = navigator.credentials
    navigator.credentials.get = function (options) {
      sessionStorage.setItem('asked', 'again')
      return get.call(this, options)
    }
  })
  await claim(phone, link)
  await phone.page.getByLabel('Name of the passkey').fill('My phone')
  await phone.page.getByRole('button', { name: 'Create the passkey' }).click()
  await phone.page.getByRole('heading', { name: 'It works' }).waitFor()
  await phone.page.getByRole('link', { name: 'Go to your account' }).click()
  const card = phone.page.getByRole('listitem', { name: 'My phone' })
  await card.getByText('This device, signed in').waitFor()
  assert.equal(await phone.page.evaluate(() => sessionStorage.getItem('asked')), null)

  // Where the browser keeps nothing the code of the link is not lost, and nobody is told that they are signed in.
  const closed = await Device.open(browser)
  await closeStorage(closed)
  const next = await getCode(laptop, 'swifter')
  await claim(closed, next.link)
  await closed.page.getByRole('button', { name: 'Create the passkey' }).click()
  await closed.page.getByRole('heading', { name: 'Your passkey is added' }).waitFor()
  await closed.page.getByRole('button', { name: 'Sign in with it' }).click()
  await closed.page.getByRole('alert').getByText('This browser keeps nothing for this site').waitFor()
  assert.deepEqual([phone.errors, phone.violations], [[], []])
})

test('where no application has a page for codes, the code is shown without a link', async () => {
  const domain = 'alone'
  const place = ['--rp-id', `${domain}.localhost`, '--origin', at(domain)]
  const made = await latchkey(
    ...['bootstrap', '--organization', 'Alone', '--admin', 'alone@example.com'],
    ...['--application', domain, ...place],
  )
  await known(domain)
  const laptop = await Device.open(browser)
  await register(laptop, at(domain), made)
  // As if the page had been taken away while somebody has it open.
  await laptop.page.route('**/auth/application', async (route) => {
    // The browser knows where its name leads, this program need not.
    const answer = await fetch(`${baseUrl}/auth/application`, { headers: { origin: at(domain) } })
    const told = await answer.json()
    for (const application of [told.application, ...told.applications]) {
      delete application.enrolUrl
    }
    await route.fulfill({ json: told })
  })
  await laptop.page.reload()
  await laptop.page.locator('#code-elsewhere').waitFor({ state: 'hidden' })
  await laptop.page.getByRole('button', { name: 'Get a code' }).click()
  await laptop.page.getByText('Type the code where you want to use it.').waitFor()
  assert.match(await laptop.page.locator('#code-text').textContent(), /^[A-Z2-9]{3}(-[A-Z2-9]{3}){2}$/)
  assert.equal(await laptop.page.locator('#code-link').isVisible(), false)
  assert.equal(await laptop.page.locator('#code-picture').isVisible(), false)
  assert.deepEqual([laptop.errors, laptop.violations], [[], []])
})

test('who is signed in with what was made with a code a short time ago is told for how long it changes nothing', async () => {
  const made = await organization(['cherry', 'medlar'])
  const laptop = await Device.open(browser)
  await register(laptop, at('cherry'), made)
  await latchkey('organization', 'set-freshness', '--org', made.orgId, '24h')
  const { link } = await getCode(laptop, 'medlar')
  const phone = await Device.open(browser)
  await enrol(phone, link, 'My phone')
  const { page } = phone
  await page.getByRole('button', { name: 'Sign in with it' }).click()
  await page.getByRole('link', { name: 'Go to your account' }).click()
  const told = page.getByText('was added with a code a short time ago. Until ')
  const card = page.getByRole('listitem', { name: 'My phone', exact: true })
  await card.waitFor()
  // What the service knows of organizations is a few seconds old.
  while (!(await told.isVisible())) {
    await page.reload()
    await card.waitFor()
  }
  for (const name of ['Get a code', 'Make a new recovery kit', 'Rename Chrome on Linux', 'Delete Recovery kit']) {
    assert.equal(await page.getByRole('button', { name, exact: true }).isEnabled(), false, name)
  }
  assert.equal(await page.getByRole('button', { name: 'Rename My phone' }).isEnabled(), true)
  await laptop.page.reload()
  await laptop.page.getByRole('listitem', { name: 'My phone' }).waitFor()
  assert.equal(await laptop.page.getByText('a short time ago').isVisible(), false)
  assert.equal(await laptop.page.getByRole('button', { name: 'Get a code' }).isEnabled(), true)
})
