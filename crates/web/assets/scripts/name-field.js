// A field for the name of a credential: what can be none is told before anybody is asked for a passkey.

import { refuse } from './code-field.js'
import { PromptError } from './passkeys.js'

/** What shows nothing, separates lines, or turns the direction of what follows (`CredentialName` of the service). */
const MISLEADING = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u

/** What joins emoji to one; digits and signs, of which some are made, are none by themselves. */
const JOINED = /(?![#*\d])[\p{Emoji}\ufe0f]\u200d(?=(?![#*\d])[\p{Emoji}\ufe0f])/gu

/** The name in the field; when it can be none, the field says so. */
export function nameIn(field) {
  const name = field.value.trim()
  if (MISLEADING.test(name.replaceAll(JOINED, ''))) {
    refuse(field)
    throw new PromptError('name_malformed')
  }
  return name
}
