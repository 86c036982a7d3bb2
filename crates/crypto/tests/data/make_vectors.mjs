// Makes the proofs of vectors_node.json with Node's own crypto: node make_vectors.mjs > vectors_node.json
//
// Every proof is what a client sends: client data and attestation data of a registration, client data
// and signature of an assertion, as base64url. `refused` names why a server must not take it.
import crypto from 'node:crypto'

const challenge = Buffer.from('ch-0123456789abcdefghijklmnopqrst').toString('base64url')
const b64 = (bytes) => Buffer.from(bytes).toString('base64url')
const create = JSON.stringify({ type: 'key.create', challenge })
const get = JSON.stringify({ type: 'key.get', challenge })

const ec = (namedCurve) => crypto.generateKeyPairSync('ec', { namedCurve })
const rsa = (modulusLength) => crypto.generateKeyPairSync('rsa', { modulusLength })
const spki = (pair) => pair.publicKey.export({ type: 'spki', format: 'pem' })
const digestOf = (algorithm) => (algorithm ? algorithm.replace('RSA-', '') : 'SHA256')

function proof({ name, pair, algorithm, pem, sign, refused }) {
  sign ??= (message) => crypto.sign(digestOf(algorithm), message, pair.privateKey)
  const publicKey = pem ?? spki(pair)
  const clientDataHash = crypto.createHash('sha256').update(create).digest('hex')
  const signature = sign(Buffer.from(JSON.stringify({ clientDataHash, publicKey }))).toString('hex')
  return {
    name,
    refused,
    algorithm,
    create: {
      clientData: b64(create),
      attestationData: b64(JSON.stringify({ publicKey, signature, algorithm })),
    },
    get: { clientData: b64(get), signature: b64(sign(Buffer.from(get))) },
  }
}

const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

// The same signature with the other s: n - s.
function otherS(der) {
  const integers = []
  for (let at = 2; at < der.length; at += 2 + der[at + 1]) integers.push(BigInt('0x' + der.subarray(at + 2, at + 2 + der[at + 1]).toString('hex')))
  const encode = (number) => {
    let hex = number.toString(16)
    if (hex.length % 2) hex = '0' + hex
    const bytes = Buffer.from(hex, 'hex')
    const padded = bytes[0] & 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes
    return Buffer.concat([Buffer.from([2, padded.length]), padded])
  }
  const body = Buffer.concat([encode(integers[0]), encode(order - integers[1])])
  return { der: Buffer.concat([Buffer.from([0x30, body.length]), body]), s: order - integers[1] }
}

function withS(high, pair) {
  return (message) => {
    const der = crypto.sign('SHA256', message, pair.privateKey)
    const other = otherS(der)
    return other.s > order / 2n === high ? other.der : der
  }
}

const proofs = []
for (const curve of ['prime256v1', 'secp384r1', 'secp521r1', 'secp256k1']) {
  for (const algorithm of [undefined, 'SHA256', 'SHA384', 'SHA512']) {
    proofs.push(proof({ name: `${curve} ${algorithm ?? 'default'}`, pair: ec(curve), algorithm }))
  }
}
for (const bits of [2048, 3072, 4096]) {
  proofs.push(proof({ name: `rsa ${bits}`, pair: rsa(bits) }))
}
for (const algorithm of ['RSA-SHA256', 'SHA256', 'SHA384', 'SHA512']) {
  proofs.push(proof({ name: `rsa 2048 ${algorithm}`, pair: rsa(2048), algorithm }))
}
const plain = (pair) => (message) => crypto.sign(undefined, message, pair.privateKey)
const ed25519 = crypto.generateKeyPairSync('ed25519')
proofs.push(proof({ name: 'ed25519', pair: ed25519, sign: plain(ed25519) }))

const pkcs1 = rsa(2048)
proofs.push(proof({ name: 'rsa 2048 pkcs1 pem', pair: pkcs1, pem: pkcs1.publicKey.export({ type: 'pkcs1', format: 'pem' }) }))
for (const [name, change] of [
  ['no last newline', (pem) => pem.trimEnd()],
  ['crlf', (pem) => pem.replaceAll('\n', '\r\n')],
  ['literal newlines', (pem) => pem.replaceAll('\n', '\\n')],
  ['one line', (pem) => pem.replaceAll('\n', '')],
]) {
  const pair = ec('prime256v1')
  proofs.push(proof({ name: `pem ${name}`, pair, pem: change(spki(pair)) }))
}
for (const high of [true, false]) {
  const pair = ec('secp256k1')
  proofs.push(proof({ name: `secp256k1 ${high ? 'high' : 'low'} s`, pair, sign: withS(high, pair) }))
}

const refused = (name, why, rest) => proofs.push(proof({ name, refused: why, ...rest }))
refused('rsa 1024', 'key', { pair: rsa(1024) })
refused('brainpoolP256r1', 'key', { pair: ec('brainpoolP256r1') })
refused('secp224r1', 'key', { pair: ec('secp224r1') })
const ed448 = crypto.generateKeyPairSync('ed448')
refused('ed448', 'key', { pair: ed448, sign: plain(ed448) })
const pssKey = crypto.generateKeyPairSync('rsa-pss', { modulusLength: 2048 })
refused('rsa-pss key', 'key', { pair: pssKey, sign: (message) => crypto.sign('SHA256', message, pssKey.privateKey) })
const dsa = crypto.generateKeyPairSync('dsa', { modulusLength: 2048, divisorLength: 256 })
refused('dsa', 'key', { pair: dsa })
const pss = rsa(2048)
refused('pss signature', 'signature', {
  pair: pss,
  sign: (message) => crypto.sign('SHA256', message, { key: pss.privateKey, padding: crypto.constants.RSA_PKCS1_PSS_PADDING }),
})
for (const curve of ['prime256v1', 'secp256k1']) {
  const raw = ec(curve)
  refused(`${curve} raw r and s`, 'signature', {
    pair: raw,
    sign: (message) => crypto.sign('SHA256', message, { key: raw.privateKey, dsaEncoding: 'ieee-p1363' }),
  })
}
const sha1 = ec('prime256v1')
refused('sha1 signature', 'signature', { pair: sha1, sign: (message) => crypto.sign('SHA1', message, sha1.privateKey) })
const named = rsa(2048)
refused('sha1 named', 'algorithm', { pair: named, algorithm: 'SHA1', sign: (message) => crypto.sign('SHA1', message, named.privateKey) })

console.log(JSON.stringify({ madeBy: `Node ${process.version}, OpenSSL ${process.versions.openssl}`, challenge, proofs }, null, 1))
