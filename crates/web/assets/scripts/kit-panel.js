// The recovery kit on the screen and on paper.

import { renderSVG } from '../vendor/uqr.js'

import { t } from './language.js'
import { $, addressOf, busy } from './page.js'
import { PromptError } from './passkeys.js'

/** A link that fills in everything but the code. */
function linkOf({ number, username }) {
  const fragment = new URLSearchParams({ username, number })
  return `${addressOf('recover')}#${fragment}`
}

function fileOf(kit, { application }) {
  const rows = [
    [t('Page'), addressOf('recover')],
    [t('User name'), kit.username],
    [t('Kit number'), kit.number],
    [t('Kit code'), kit.code],
  ]
  const width = Math.max(...rows.map(([name]) => name.length)) + 2
  return [
    t('Recovery kit for {application}', { application: application.name }),
    '',
    t('With this and your mailbox you get back into your account when every passkey is lost.'),
    t('Keep it where only you can find it. Nobody else has the kit code.'),
    '',
    ...rows.map(([name, value]) => name.padEnd(width) + value),
    '',
  ].join('\n')
}

/**
 * What a saved kit says, in whatever language it was saved: its last rows, whose names and values stand apart. Of
 * another file, nothing.
 */
export function readKit(text) {
  const rows = [...text.matchAll(/^\S.*? {2,}(\S.*)$/gm)]
  const [username, number, code] = rows.slice(-3).map(([, value]) => value.trim())
  return code?.startsWith('D1') ? { code, number, username } : {}
}

/** A picture of a text; it is drawn as it is read, black on white, in both themes. */
export function draw(place, text) {
  const svg = renderSVG(text, { border: 4, ecc: 'M' })
  place.src = `data:image/svg+xml,${encodeURIComponent(svg)}`
}

const guard = (event) => event.preventDefault()

/** It was printed, saved or copied: leaving asks no more. */
function keep(words) {
  removeEventListener('beforeunload', guard)
  $('kit-kept').textContent = words
}

/** The button's work: to copy a text, and what to say then. */
function copying(button, text, done) {
  button.onclick = () =>
    busy(button, t('Copying…'), async () => {
      try {
        await navigator.clipboard.writeText(text)
      } catch (error) {
        throw new PromptError('not_copied', error)
      }
      done()
    })
}

/** Fills in the panel with a new kit. Until it was printed, saved or copied, leaving asks. */
export function showKit(kit, here) {
  addEventListener('beforeunload', guard)
  document.body.classList.add('with-kit')
  $('kit-kept').textContent = ''
  $('kit-code').textContent = kit.code
  $('kit-username').textContent = kit.username
  $('kit-number').textContent = kit.number
  const { host, pathname } = addressOf('recover')
  $('kit-page').textContent = host + pathname
  draw($('kit-picture'), linkOf(kit))
  const file = $('kit-save')
  file.href = URL.createObjectURL(new Blob([fileOf(kit, here)], { type: 'text/plain' }))
  file.download = `recovery-kit-${location.hostname}.txt`
  file.onclick = () => keep(t('Good. Keep it where only you can find it.'))
  $('kit-print').onclick = () => {
    keep(t('Good. Keep it where only you can find it.'))
    print()
  }
  copying($('kit-copy-number'), kit.number, () => {
    $('kit-kept').textContent = t('The kit number is copied. You need the kit code with it.')
  })
  copying($('kit-copy-code'), kit.code, () => {
    keep(t('The kit code is copied. Put it where only you can find it, with the kit number.'))
  })
}

/** Leaves nothing of a kit on the page. */
export function clearKit() {
  removeEventListener('beforeunload', guard)
  document.body.classList.remove('with-kit')
  URL.revokeObjectURL($('kit-save').href)
  for (const id of ['kit-code', 'kit-username', 'kit-number', 'kit-page', 'kit-kept']) {
    $(id).textContent = ''
  }
  $('kit-save').href = '#'
  $('kit-picture').removeAttribute('src')
}
