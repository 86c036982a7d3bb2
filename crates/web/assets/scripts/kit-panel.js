// The recovery kit on the screen and on paper.

import { renderSVG } from '../vendor/uqr.js'

import { $, addressOf } from './page.js'

/** A link that fills in everything but the code. */
function linkOf({ credentialId, username }) {
  const fragment = new URLSearchParams({ username, credentialId })
  return `${addressOf('recover')}#${fragment}`
}

function fileOf(kit, { application }) {
  return [
    `Recovery kit for ${application.name}`,
    '',
    'With this and your mailbox you get back into your account when every passkey is lost.',
    'Keep it where only you can find it. Nobody else has the recovery code.',
    '',
    `Page           ${addressOf('recover')}`,
    `User name      ${kit.username}`,
    `Kit number     ${kit.credentialId}`,
    `Recovery code  ${kit.code}`,
    '',
  ].join('\n')
}

/** What a saved kit says; of another file, nothing. */
export function readKit(text) {
  const line = (name) => text.match(new RegExp(`^${name} +(.+)$`, 'm'))?.[1].trim()
  const [code, credentialId, username] = ['Recovery code', 'Kit number', 'User name'].map(line)
  return { code, credentialId, username }
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
    $('kit-kept').textContent = 'Good. Keep it where only you can find it.'
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
