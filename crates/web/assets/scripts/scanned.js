// What a link to an account page is about: the code that a place shows, or the credential that a notice by mail tells
// of. Whoever opens one may have to sign in first, so that the tab keeps it; and so it does a code that was typed,
// once found.

import { forget, keep, kept } from './kept.js'

const SCANNED = 'scanned'
const NOTICED = 'noticed'

/** What such a link has behind `#`, before the code. */
export const BEFORE = 'request='

/** How long such a code is good at most, in milliseconds. */
const REQUESTED = 2 * 60_000

/** How long it may take to sign in and take a credential away, in milliseconds. */
const PATIENCE = 15 * 60_000

/** The link to an account page, with the code. */
export const requestLink = (page, code) => `${page}#${BEFORE}${code}`

/** Keeps what the link that was opened is about, if it is about anything. */
export function takeLinked(fragment) {
  if (fragment.startsWith(BEFORE)) {
    keepScanned(fragment.slice(BEFORE.length))
  } else if (fragment) {
    keep(NOTICED, fragment, Date.now() + PATIENCE)
  }
}

/** Keeps the code that a place shows. */
export const keepScanned = (code) => keep(SCANNED, code, Date.now() + REQUESTED)

/** The code that was scanned, if there is one. */
export const scanned = () => kept(SCANNED)

export const forgetScanned = () => forget(SCANNED)

/** The credential that may be taken away, as long as its owner has not answered. */
export const noticed = () => kept(NOTICED)

export const forgetNoticed = () => forget(NOTICED)

/**
 * What such a link has behind `#`, if one was opened here: it is as good at the account page of another application.
 */
export const linked = () => (scanned() ? BEFORE + scanned() : noticed())
