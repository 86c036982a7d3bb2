// What is said stands beside what it is about: it covers nothing, and what was pressed stays where it is.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Device, launch } from '../support/browser.js'
import { invite, mailedCode } from '../support/latchkey.js'
import { at, claim, getCode, letAsk, linkOf, one, organization, register, settled, withoutAutofill } from '../support/pages.js'

const browser = await launch()

/** The longest words at a laptop's size and a telephone's, and other ones at a small telephone's. */
const SIZES = {
  de: [
    { width: 1366, height: 683 },
    { width: 390, height: 844 },
  ],
  es: [{ width: 390, height: 700 }],
}

/** Where the button is in the window, and those of the same decision, and all that comes after them in the card. */
const places = (button) =>
  button.evaluate((it) => {
    const row = it.closest('.actions') ?? it
    const controls = it.closest('.card').querySelectorAll('a[href], button, input, select')
    const isMeant = (control) =>
      row.parentElement === control.closest('.actions')?.parentElement ||
      row.compareDocumentPosition(control) & Node.DOCUMENT_POSITION_FOLLOWING
    const shown = [...controls].filter((control) => control.checkVisibility() && (control === it || isMeant(control)))
    return Object.fromEntries(shown.map((control) => [control.textContent, control.getBoundingClientRect().y]))
  })

/** What has moved since then by more than what is rounded. */
function moved(before, after) {
  return Object.keys(before).filter((name) => !(Math.abs(after[name] - before[name]) < 1.5))
}

/** What cannot be clicked in its middle, of what is in the window. */
const covered = (page) =>
  page.evaluate(() => {
    const place = document.querySelector('dialog[open]') ?? document
    const shown = [...place.querySelectorAll('a[href], button, input, select')].filter((it) => it.checkVisibility())
    const isCovered = (control) => {
      const [{ left, top, width, height }] = control.getClientRects()
      const [x, y] = [left + width / 2, top + height / 2]
      return y > 0 && y < innerHeight && !control.contains(document.elementFromPoint(x, y))
    }
    return shown.filter(isCovered).map(({ outerHTML }) => outerHTML)
  })

/** All of it is in the window, and nothing over it. */
async function isRead(said, where) {
  await said.waitFor()
  const { isSeen, top, bottom, height } = await said.evaluate((it) => {
    const { top, bottom, left, width, height } = it.getBoundingClientRect()
    const hit = document.elementFromPoint(left + width / 2, top + height / 2)
    return { isSeen: top >= 0 && bottom <= innerHeight && it.contains(hit), top, bottom, height: innerHeight }
  })
  assert.ok(isSeen, `${where}: it is not seen, from ${top} to ${bottom} of ${height}`)
}

/** Waits until something is told anew, even if it is what was told before. */
function told(page) {
  return page.evaluate(
    () =>
      new Promise((resolve, reject) => {
        const observer = new MutationObserver((changes) => {
          if (changes.some(({ addedNodes }) => addedNodes.length > 0)) resolve()
        })
        observer.observe(document.getElementById('alert'), { childList: true, subtree: true })
        setTimeout(() => reject(new Error('nothing is told')), 20_000)
      }),
  )
}

/** Presses a button, whose prompt nobody answers, where it is in the window, and again at the same spot. */
async function dismiss({ page, ...device }, selector, language) {
  const button = page.locator(selector).first()
  await button.waitFor()
  await settled({ page })
  for (const size of SIZES[language]) {
    await page.setViewportSize(size)
    for (const edge of ['bottom', 'middle']) {
      const where = `${selector} in ${language} at ${size.width}×${size.height}, ${edge}`
      await button.evaluate((it, block) => {
        it.scrollIntoView({ block: block === 'middle' ? 'center' : 'end', behavior: 'instant' })
      }, edge)
      const before = await places(button)
      const { x, y, width, height } = await button.boundingBox()
      for (const time of ['once', 'twice']) {
        const isDismissed = told(page)
        await page.mouse.click(x + width / 2, y + height / 2)
        await isDismissed
        await page.waitForFunction(() => !document.querySelector('[aria-busy=true]'))
        await settled({ page })
        const after = await places(button)
        assert.deepEqual(moved(before, after), [], `${where}, ${time}: ${JSON.stringify({ before, after })}`)
        assert.deepEqual(await covered(page), [], `${where}, ${time}`)
      }
      await isRead(page.locator('#alert p'), where)
    }
  }
  assert.deepEqual([device.errors, device.violations], [[], []])
}

/** Lets a button appear, which takes no click yet where it is, and does soon after. */
async function takesNoClickAtFirst({ page }, selector, appear) {
  const takesClick = page.evaluate(
    (wanted) =>
      new Promise((resolve) => {
        const look = () => {
          const it = document.querySelector(wanted)
          if (it?.checkVisibility()) {
            observer.disconnect()
            it.scrollIntoView({ block: 'nearest', behavior: 'instant' })
            const { x, y, width, height } = it.getBoundingClientRect()
            resolve(it.contains(document.elementFromPoint(x + width / 2, y + height / 2)))
          }
        }
        const observer = new MutationObserver(look)
        observer.observe(document.body, { attributes: true, childList: true, subtree: true })
      }),
    selector,
  )
  await appear()
  assert.equal(await takesClick, false, selector)
  await settled({ page })
  assert.deepEqual(await covered(page), [], selector)
}

/** A question and its answers are in sight together in the window of a telephone. */
async function fits({ page }, question, height) {
  const usual = page.viewportSize()
  await page.setViewportSize({ width: 390, height })
  const { height: taken } = await page.locator(question).boundingBox()
  assert.ok(taken <= height, `${question} takes ${taken} of ${height} px`)
  await page.setViewportSize(usual)
}

for (const language of Object.keys(SIZES)) {
  test(`after a dismissed prompt nothing has moved, and nothing is covered (${language})`, async () => {
    const laptop = await Device.open(browser)
    await register(laptop)
    const { link } = await getCode(laptop)
    const device = await Device.open(browser, { locale: language })
    await withoutAutofill(device)
    const { page } = device
    await device.setUserVerified(false)
    await page.goto(link)
    await page.locator('#enter-button').click()
    await dismiss(device, '#create-button', language)

    const person = await invite()
    await page.goto(linkOf(person))
    await dismiss(device, '#create-button', language)
    await device.setUserVerified(true)
    await page.locator('#create-button').click()
    const [download] = await Promise.all([page.waitForEvent('download'), page.locator('[download]').click()])
    await page.locator('#sign-in-button').click()
    await page.locator('.credential').first().waitFor()
    await device.setUserVerified(false)
    await dismiss(device, '#code-get', language)
    await page.locator('#recovery-make').click()
    await dismiss(device, '#recovery-use', language)
    await page.locator('#recovery-discard').click()
    await page.locator('#sign-out').click()
    await page.waitForURL(`${one}/`)
    await page.locator('#status', { hasText: /./ }).waitFor()
    await dismiss(device, '#sign-in-button', language)

    await page.goto(`${one}/recover`)
    await page.locator('#username').fill(person.username)
    await page.locator('#ask-button').click()
    await page.locator('#mailed').fill(await mailedCode(person.username, 'RecoveryCode'))
    await page.locator('#kit-file').setInputFiles(await download.path())
    await page.waitForFunction(() => document.getElementById('recovery-code').value !== '')
    await dismiss(device, '#use-button', language)
  })
}

test('a decision takes no click that was meant for what was there before, and is made with a prompt that may be dismissed', async () => {
  const made = await organization(['settling', 'settled'], '--approval', 'always')
  await letAsk(made, 'settled', 'anywhere')
  const laptop = await Device.open(browser, { locale: 'de' })
  await laptop.page.goto(linkOf(made, at('settling')))
  await laptop.page.locator('#create-button').click()
  await laptop.page.locator('[download]').click()
  await laptop.page.locator('#sign-in-button').click()

  const place = await Device.open(browser)
  await place.page.goto(`${at('settled')}/enrol`)
  await place.page.getByRole('button', { name: 'Show a code here instead' }).click()
  await place.page.locator('#ask-number').waitFor()
  await laptop.page.locator('#grant-code').fill(await place.page.locator('#ask-code').textContent())
  await takesNoClickAtFirst(laptop, '#grant-no', () => laptop.page.locator('#grant-look').click())
  await fits(laptop, '#grant-question', 664)
  await laptop.setUserVerified(false)
  await dismiss(laptop, '#grant-numbers button', 'de')
  await laptop.setUserVerified(true)
  const number = await place.page.locator('#ask-number').textContent()
  await takesNoClickAtFirst(place, '#create-button', () =>
    laptop.page.locator('#grant-numbers').getByRole('button', { name: number, exact: true }).click(),
  )
  await takesNoClickAtFirst(laptop, '#code-refuse', () => place.page.locator('#create-button').click())
  await fits(laptop, '#code-approval', 844)
  await laptop.page.locator('#code-approval-again').evaluate((it) => it.remove())
  await fits(laptop, '#code-approval', 664)
  await laptop.setUserVerified(false)
  await dismiss(laptop, '#code-approval-numbers button', 'de')
  await dismiss(laptop, '#code-refuse', 'de')
  await takesNoClickAtFirst(laptop, '#question-yes', () =>
    laptop.page.locator('.credential').last().getByRole('button').last().click(),
  )
  for (const device of [laptop, place]) {
    assert.deepEqual([device.errors, device.violations], [[], []])
  }
})

/** What a page has on a laptop, on the same at 200 % zoom, and on a telephone. */
const WINDOWS = [
  { width: 1366, height: 682 },
  { width: 683, height: 341 },
  { width: 390, height: 844 },
]

const AWAY = 'The service cannot be reached; still trying.'

/**
 * What is said while the service is away is read, and moves no number that can be pressed, when it comes and when it
 * goes.
 */
async function isReadWhileAway({ page }, where) {
  const shown = page.locator('#code-approval-numbers')
  const before = await shown.boundingBox()
  await page.route('**/auth/**', (route) => route.abort())
  await isRead(page.locator('#status', { hasText: AWAY }), where)
  const during = await shown.boundingBox()
  await page.unroute('**/auth/**')
  await page.locator('#status', { hasNotText: AWAY }).waitFor({ state: 'attached' })
  const after = await shown.boundingBox()
  if (before && before.y < page.viewportSize().height) {
    assert.ok(Math.abs(during.y - before.y) < 1.5 && Math.abs(after.y - before.y) < 1.5, `${where}: the numbers move`)
  }
}

/** Chooses another number than that which is shown where it is asked for. */
async function chooseWrong({ page }, numbers, shown) {
  const offered = page.locator(numbers).getByRole('button')
  const wrong = (await offered.allTextContents()).find((number) => number !== shown)
  await page.locator(numbers).getByRole('button', { name: wrong, exact: true }).click()
}

test('what became of a code or a question is read where the button is gone that asked for it', async () => {
  const made = await organization(['telling', 'told'], '--approval', 'always')
  await letAsk(made, 'told', 'anywhere')
  const laptop = await Device.open(browser)
  await register(laptop, at('telling'), made)
  const { page } = laptop
  for (const size of WINDOWS) {
    const where = `${size.width}×${size.height}`
    await page.setViewportSize(size)
    const { link } = await getCode(laptop, 'told')
    await isReadWhileAway(laptop, `the code at ${where}`)

    const place = await Device.open(browser)
    await claim(place, link)
    await place.page.locator('#create-button').click()
    await place.page.locator('#waiting-number', { hasText: /./ }).waitFor()
    const number = await place.page.locator('#waiting-number').textContent()
    await page.locator('#code-approval').waitFor()
    await isReadWhileAway(laptop, `the question at ${where}`)
    await settled(laptop)
    await chooseWrong(laptop, '#code-approval-numbers', number)
    await isRead(page.locator('#alert p', { hasText: 'That is not the number' }), `the refusal at ${where}`)

    const asking = await Device.open(browser)
    await asking.page.goto(`${at('told')}/enrol`)
    await asking.page.getByRole('button', { name: 'Show a code here instead' }).click()
    await asking.page.locator('#ask-number', { hasText: /./ }).waitFor()
    const shown = await asking.page.locator('#ask-number').textContent()
    await page.locator('#grant-code').fill(await asking.page.locator('#ask-code').textContent())
    await page.locator('#grant-look').click()
    await page.locator('#grant-question').waitFor()
    await settled(laptop)
    await chooseWrong(laptop, '#grant-numbers', shown)
    await isRead(page.locator('#alert p', { hasText: 'refused' }), `the refused device at ${where}`)
    await place.close()
    await asking.close()
  }
  assert.deepEqual(laptop.violations, [])
})
