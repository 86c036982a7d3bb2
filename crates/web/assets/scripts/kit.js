// Recovery kits (API contract §3.10): a key pair whose private half is kept by the service, encrypted
// with a code that only the kit has. The code never leaves the browser.

import { base64, base64url, fromBase64, hex, sha256, utf8 } from './encoding.js'

/** Without letters and digits that are easily confused. There are 32, so five random bits make one. */
const SYMBOLS = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789'
const PREFIX = 'D1'
const GROUPS = [6, 5, 5, 5, 5, 6]
const LENGTH = GROUPS.reduce((sum, group) => sum + group)

/** How many symbols of a kit number tell which kit it is; one more checks them. */
const NUMBER = 7

const ROUNDS = 100_000
const CURVE = { name: 'ECDSA', namedCurve: 'P-256' }
const SIGNATURE = { name: 'ECDSA', hash: 'SHA-256' }

/** A kit that cannot be used; `code` is what texts.js goes by. */
export class KitError extends Error {
  constructor(code) {
    super(code)
    this.code = code
  }
}

/** Whether mail reaches who is called so; where it does not, an administrator passes codes on. */
export const hasMailbox = (username) => /^[^\s@]+@[^\s@]+$/.test(username.trim())

function grouped(symbols) {
  let from = 0
  const parts = GROUPS.map((length) => symbols.slice(from, (from += length)))
  return [PREFIX, ...parts].join('-')
}

function newCode() {
  const random = crypto.getRandomValues(new Uint8Array(LENGTH))
  return grouped(Array.from(random, (byte) => SYMBOLS[byte % SYMBOLS.length]).join(''))
}

/** The code as it was printed, however it was typed. */
export function tidyCode(typed) {
  const plain = typed.normalize('NFKC').toUpperCase().replaceAll(/[^A-Z0-9]/g, '')
  const symbols = plain.startsWith(PREFIX) ? plain.slice(PREFIX.length) : plain
  if (symbols.length !== LENGTH || ![...symbols].every((symbol) => SYMBOLS.includes(symbol))) {
    throw new KitError('kit_code_malformed')
  }
  return grouped(symbols)
}

/** The last symbol for those before it: the Luhn algorithm modulo 32. */
function checkOf(values) {
  let sum = 0
  let factor = 2
  for (const value of [...values].reverse()) {
    const product = value * factor
    sum += Math.floor(product / 32) + (product % 32)
    factor = 3 - factor
  }
  return (32 - (sum % 32)) % 32
}

const numbered = (symbols) => `${symbols.slice(0, 4)}-${symbols.slice(4)}`

/** The number of the kit of that credential id (`KitNumber` in the service): what there is to type. */
export async function numberOf(credentialId) {
  const digest = await sha256(utf8(credentialId.replace(/=+$/, '')))
  const bits = digest.slice(0, 5).reduce((number, byte) => number * 256 + byte, 0)
  const values = Array.from({ length: NUMBER }, (_, place) => Math.floor(bits / 2 ** (35 - 5 * place)) % 32)
  values.push(checkOf(values))
  return numbered(values.map((value) => SYMBOLS[value]).join(''))
}

/** What older kits have for a number: the credential id. */
const OLDER = /^[\w-]{43}=?$/

/** The number as it was printed, however it was typed. */
export function tidyNumber(typed) {
  const plain = typed.normalize('NFKC').trim()
  if (OLDER.test(plain)) {
    return plain
  }
  const symbols = plain.toUpperCase().replaceAll(/[^A-Z0-9]/g, '')
  const values = Array.from(symbols, (symbol) => SYMBOLS.indexOf(symbol))
  const isWhole = values.length === NUMBER + 1 && !values.includes(-1)
  if (!isWhole || checkOf(values.slice(0, NUMBER)) !== values[NUMBER]) {
    throw new KitError('kit_number_malformed')
  }
  return numbered(symbols)
}

async function wrappingKey(code, username) {
  const password = await crypto.subtle.importKey('raw', utf8(code), 'PBKDF2', false, ['deriveKey'])
  const salt = await sha256(utf8(username.trim().toLowerCase()))
  return crypto.subtle.deriveKey(
    { name: 'PBKDF2', hash: 'SHA-256', iterations: ROUNDS, salt },
    password,
    { name: 'AES-GCM', length: 256 },
    false,
    ['encrypt', 'decrypt'],
  )
}

async function encrypted(privateKey, code, username) {
  const iv = crypto.getRandomValues(new Uint8Array(16))
  const plain = await crypto.subtle.exportKey('pkcs8', privateKey)
  const key = await crypto.subtle.encrypt(
    { name: 'AES-GCM', iv },
    await wrappingKey(code, username),
    plain,
  )
  return base64(utf8(JSON.stringify({ key: base64(key), iv: base64(iv) })))
}

/** WebCrypto gives r and s as they are; the API takes them as ASN.1 DER. */
function der(raw) {
  const integer = (bytes) => {
    let first = 0
    while (first < bytes.length - 1 && bytes[first] === 0) {
      first += 1
    }
    const digits = [...bytes.slice(first)]
    if (digits[0] >= 0x80) {
      digits.unshift(0)
    }
    return [0x02, digits.length, ...digits]
  }
  const numbers = [...integer(raw.slice(0, 32)), ...integer(raw.slice(32))]
  return Uint8Array.from([0x30, numbers.length, ...numbers])
}

async function signature(privateKey, bytes) {
  return der(new Uint8Array(await crypto.subtle.sign(SIGNATURE, privateKey, bytes)))
}

async function pem(publicKey) {
  const text = base64(await crypto.subtle.exportKey('spki', publicKey))
  const lines = text.match(/.{1,64}/g).join('\n')
  return `-----BEGIN PUBLIC KEY-----\n${lines}\n-----END PUBLIC KEY-----\n`
}

/**
 * A new kit for a user: what to print, and what makes of a challenge the credential that goes to the service, which
 * signs the challenge. So a kit can be kept before it is put into use.
 */
export async function newKit(username) {
  const code = newCode()
  const pair = await crypto.subtle.generateKey(CURVE, true, ['sign', 'verify'])
  const encryptedPrivateKey = await encrypted(pair.privateKey, code, username)
  const credentialId = base64url(await sha256(utf8(encryptedPrivateKey)))
  const number = await numberOf(credentialId)
  const prove = (challenge) => credentialFor(challenge, { credentialId, encryptedPrivateKey, number, pair })
  return { kit: { code, credentialId, number, username }, prove }
}

/** A new kit for the user of the challenge, and its credential. */
export async function makeKit(challenge) {
  const { kit, prove } = await newKit(challenge.user.name)
  return { kit, credential: await prove(challenge) }
}

/** Its name, until its owner gives it one, is its number: what a kit is called is said in the reader's language. */
async function credentialFor(challenge, { credentialId, encryptedPrivateKey, number, pair }) {
  const clientData = utf8(
    JSON.stringify({ type: 'key.create', challenge: challenge.challenge, origin: location.origin }),
  )
  const publicKey = await pem(pair.publicKey)
  const proof = JSON.stringify({ clientDataHash: hex(await sha256(clientData)), publicKey })
  const attestation = { publicKey, signature: hex(await signature(pair.privateKey, utf8(proof))) }
  return {
    credentialKind: 'RecoveryKey',
    credentialName: number,
    credentialInfo: {
      credId: credentialId,
      clientData: base64url(clientData),
      attestationData: base64url(utf8(JSON.stringify(attestation))),
    },
    encryptedPrivateKey,
  }
}

/** The private key in the service's keeping, opened with the kit. */
export async function openKit({ code, username }, encryptedPrivateKey) {
  try {
    const { key, iv } = JSON.parse(new TextDecoder().decode(fromBase64(encryptedPrivateKey)))
    const plain = await crypto.subtle.decrypt(
      { name: 'AES-GCM', iv: fromBase64(iv) },
      await wrappingKey(code, username),
      fromBase64(key),
    )
    return await crypto.subtle.importKey('pkcs8', plain, CURVE, false, ['sign'])
  } catch {
    throw new KitError('kit_code_wrong')
  }
}

/** The kit's signature over the credentials that shall replace all others (API contract §3.9). */
export async function signRecovery(privateKey, credentialId, newCredentials) {
  const challenge = base64url(utf8(JSON.stringify(newCredentials)))
  const clientData = utf8(
    JSON.stringify({ type: 'key.get', challenge, origin: location.origin }),
  )
  return {
    kind: 'RecoveryKey',
    credentialAssertion: {
      credId: credentialId,
      clientData: base64url(clientData),
      signature: base64url(await signature(privateKey, clientData)),
    },
  }
}
