// Key pairs made by Node's crypto, as a machine would keep them. The published signer signs with them;
// it cannot create credentials, so that half is here.

import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'

import { AsymmetricKeySigner } from '@dfns/sdk-keysigner'

const GENERATE = {
  'P-256': () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  Ed25519: () => generateKeyPairSync('ed25519'),
  RSA: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
}

export const ALGORITHMS = Object.keys(GENERATE)

export class KeyPair {
  constructor(algorithm = 'P-256') {
    const { privateKey, publicKey } = GENERATE[algorithm]()
    this.credId = randomBytes(32).toString('base64url')
    this.privateKey = privateKey
    this.publicKey = publicKey
  }

  /** `SHA256:` and the unpadded base64 of the digest of the public key's DER. */
  fingerprint() {
    const der = this.publicKey.export({ type: 'spki', format: 'der' })
    return `SHA256:${createHash('sha256').update(der).digest('base64').replace(/=+$/, '')}`
  }

  /** A new credential that answers a challenge to create one. */
  create({ challenge }, kind = 'Key') {
    const clientData = Buffer.from(JSON.stringify({ type: 'key.create', challenge }))
    const publicKey = this.publicKey.export({ type: 'spki', format: 'pem' })
    const proof = JSON.stringify({
      clientDataHash: createHash('sha256').update(clientData).digest('hex'),
      publicKey,
    })
    const signature = sign(undefined, Buffer.from(proof), this.privateKey).toString('hex')
    const attestation = Buffer.from(JSON.stringify({ publicKey, signature }))
    return {
      credentialKind: kind,
      credentialInfo: {
        credId: this.credId,
        clientData: clientData.toString('base64url'),
        attestationData: attestation.toString('base64url'),
      },
    }
  }

  /** What recovers an account: this recovery key agrees to exactly these new credentials. */
  recover(newCredentials) {
    const challenge = Buffer.from(JSON.stringify(newCredentials)).toString('base64url')
    const clientData = Buffer.from(JSON.stringify({ type: 'key.get', challenge }))
    return {
      kind: 'RecoveryKey',
      credentialAssertion: {
        credId: this.credId,
        clientData: clientData.toString('base64url'),
        signature: sign(undefined, clientData, this.privateKey).toString('base64url'),
      },
    }
  }

  /** The published signer for this key; `create` makes it fit for registration. */
  signer() {
    const signer = new AsymmetricKeySigner({
      credId: this.credId,
      privateKey: this.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    })
    signer.create = async (challenge) => this.create(challenge)
    return signer
  }
}
