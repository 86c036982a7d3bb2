// Recovery kits that were made in this browser, and that nobody has kept as far as is known: a page that is left at the
// wrong moment, or an answer that is lost, leaves one in use that was never shown. What is noted is the credential id,
// which is no secret.

const NOTED = 'latchkey.unkept'

/** How many are noted at most: one that did not come about after all may stay for good. */
const MOST = 20

const noted = () => JSON.parse(localStorage.getItem(NOTED) ?? '[]')

/** Without padding, as it was sent. */
const plain = ({ credentialId }) => credentialId.replaceAll('=', '')

const without = (kit) => noted().filter((other) => other !== plain(kit))

const note = (credentialIds) => localStorage.setItem(NOTED, JSON.stringify(credentialIds.slice(0, MOST)))

/** Notes a kit, before its credential is sent. */
export const noteUnkept = (kit) => note([plain(kit), ...without(kit)])

/** It is kept, or has not come about. */
export const forgetUnkept = (kit) => note(without(kit))

/** Whether nobody has kept the kit (or that of the credential), as far as this browser knows. */
export const isUnkept = (kit) => noted().includes(plain(kit))
