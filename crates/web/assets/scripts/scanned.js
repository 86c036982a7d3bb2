// The code that a place shows, in the link that its picture leads to.

import { forget, keep, kept } from './kept.js'

/** The code of the link that was opened, whose reader may have to sign in first, as this tab keeps it. */
const KEPT = 'scanned'

/** What such a link has behind `#`, before the code. */
export const BEFORE = 'request='

/** How long such a code is good at most, in milliseconds. */
const REQUESTED = 2 * 60_000

/** The link to an account page, with the code. */
export const requestLink = (page, code) => `${page}#${BEFORE}${code}`

/** Keeps the code of such a link, if it is one. Answers whether that is so. */
export function takeScanned(fragment) {
  const isOne = fragment.startsWith(BEFORE)
  if (isOne) {
    keep(KEPT, fragment.slice(BEFORE.length), Date.now() + REQUESTED)
  }
  return isOne
}

/** The code that was scanned, if there is one. */
export const scanned = () => kept(KEPT)

export const forgetScanned = () => forget(KEPT)
