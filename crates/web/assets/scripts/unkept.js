// Recovery kits that were made in this browser, and that nobody has kept as far as is known: a page that is left at the
// wrong moment, or an answer that is lost, leaves one in use that was never shown. What is noted is the credential id,
// which is no secret.

import { hold, key, read, write } from './kept.js'

const NOTED = 'unkept'

/** How many are noted at most: one that did not come about after all may stay for good. */
const MOST = 20

function noted() {
  const credentialIds = read('localStorage', NOTED)
  return Array.isArray(credentialIds) ? credentialIds : []
}

/** Without padding, as it was sent. */
const plain = ({ credentialId }) => credentialId.replaceAll('=', '')

const without = (kit) => noted().filter((other) => other !== plain(kit))

const note = (credentialIds) => write('localStorage', NOTED, credentialIds.slice(0, MOST))

/** Notes a kit, before its credential is sent. */
export const noteUnkept = (kit) => note([plain(kit), ...without(kit)])

/** It is kept, or has not come about. */
export const forgetUnkept = (kit) => note(without(kit))

/** Whether nobody has kept the kit (or that of the credential), as far as this browser knows. */
export const isUnkept = (kit) => noted().includes(plain(kit))

/** What every tab holds that has a kit on its screen. */
const SHOWN = 'kit-shown'

/** Says to the other tabs that this one shows a kit; answers what takes that back. */
export const showing = () => hold(SHOWN)

/**
 * Says what to do when what is known of unkept kits may be another: once no other tab shows one, which its owner sees
 * there and can keep, and whenever another tab notes or forgets one. Where there are no locks, nobody waits.
 */
export function onUnkept(work) {
  const noneIsShown = navigator.locks?.request(key(SHOWN), () => {}).catch(() => {})
  Promise.resolve(noneIsShown).then(() => {
    addEventListener('storage', work)
    work()
  })
}
