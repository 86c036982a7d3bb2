// A field for the name of a credential: what can be none is told before anybody is asked for a passkey.

import { refuse } from './code-field.js'
import { PromptError } from './passkeys.js'

/** What shows nothing, separates lines, or turns the direction of what follows (`CredentialName` of the service). */
const MISLEADING = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/u

/**
 * What may stand behind an emoji all the same, in the order in which it is looked for: what says that it is a picture,
 * or makes one of a digit or sign, what joins it to the next one, and what says that it is text.
 */
const OF_EMOJI = [
  /((?![\x00-\x7f])\p{Emoji})\ufe0f/gu,
  /([#*\d])[\ufe0e\ufe0f](?=\u20e3)/gu,
  /((?![\x00-\x7f])\p{Emoji})\u200d(?=(?![\x00-\x7f])\p{Emoji})/gu,
  /((?![\x00-\x7f])\p{Emoji})\ufe0e/gu,
]

/** The name in the field; when it can be none, the field says so. */
export function nameIn(field) {
  const name = field.value.trim()
  const plain = OF_EMOJI.reduce((text, allowed) => text.replaceAll(allowed, '$1'), name)
  if (MISLEADING.test(plain)) {
    refuse(field)
    throw new PromptError('name_malformed')
  }
  return name
}
