// The recovery kit on the screen and on paper.

import { renderSVG } from '../vendor/uqr.js'

import { t } from './language.js'
import { $, addressOf } from './page.js'

/** A link that fills in everything but the code. */
function linkOf({ credentialId, username }) {
  const fragment = new URLSearchParams({ username, credentialId })
  return `${addressOf('recover')}#${fragment}`
}

function fileOf(kit, { application }) {
  const rows = [
    [t('Page'), addressOf('recover')],
    [t('User name'), kit.username],
    [t('Kit number'), kit.credentialId],
    [t('Recovery code'), kit.code],
  ]
  const width = Math.max(...rows.map(([name]) => name.length)) + 2
  return [
    t('Recovery kit for {application}', { application: application.name }),
    '',
    t('With this and your mailbox you get back into your account when every passkey is lost.'),
    t('Keep it where only you can find it. Nobody else has the recovery code.'),
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
  const [username, credentialId, code] = rows.slice(-3).map(([, value]) => value.trim())
  return code?.startsWith('D1') ? { code, credentialId, username } : {}
}

/** A picture of a text; it is drawn as it is read, black on white, in both themes. */
export function draw(place, text) {
  const svg = renderSVG(text, { border: 4, ecc: 'M' })
  place.src = `data:image/svg+xml,${encodeURIComponent(svg)}`
}

/** Fills in the panel with a new kit. Until it was printed or saved, leaving asks. */
export function showKit(kit, here) {
  const guard = (event) => event.preventDefault()
  addEventListener('beforeunload', guard)
  const kept = () => {
    removeEventListener('beforeunload', guard)
    $('kit-kept').textContent = t('Good. Keep it where only you can find it.')
  }

  $('kit-code').textContent = kit.code
  $('kit-username').textContent = kit.username
  $('kit-number').textContent = kit.credentialId
  const { host, pathname } = addressOf('recover')
  $('kit-page').textContent = host + pathname
  draw($('kit-picture'), linkOf(kit))
  const file = $('kit-save')
  file.href = URL.createObjectURL(new Blob([fileOf(kit, here)], { type: 'text/plain' }))
  file.download = `recovery-kit-${location.hostname}.txt`
  file.addEventListener('click', kept)
  $('kit-print').addEventListener('click', () => {
    kept()
    print()
  })
}
