// What the kinds of credentials are called.

import { t, translated } from './language.js'

const KINDS = translated({
  Fido2: 'Passkey',
  Key: 'Key',
  PasswordProtectedKey: 'Password-protected key',
  RecoveryKey: 'Recovery kit',
})

/** The kind in words, with the password manager that keeps the passkey, where that is known. */
export function kindOf({ kind, provider }) {
  const words = KINDS[kind] ?? kind
  return provider ? t('{kind} in {provider}', { kind: words, provider }) : words
}
