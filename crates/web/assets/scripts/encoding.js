// Bytes, and the texts that stand for them on the wire.

export function utf8(text) {
  return new TextEncoder().encode(text)
}

export function base64(bytes) {
  let binary = ''
  for (const byte of new Uint8Array(bytes)) {
    binary += String.fromCharCode(byte)
  }
  return btoa(binary)
}

export function fromBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
}

/** base64url without padding, as everything is sent. */
export function base64url(bytes) {
  return base64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/** Of base64url with or without padding: some credential ids were registered with it. */
export function fromBase64url(text) {
  return fromBase64(text.replaceAll('-', '+').replaceAll('_', '/').replaceAll('=', ''))
}

export function hex(bytes) {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

export async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
}
