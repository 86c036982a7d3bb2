// What the service is told, and tells, of a code that was used here: by its challenge, which nobody else has.

import { call } from './api.js'

const PATH = '/auth/credentials/code'

/**
 * Gives the code back, so that its owner need not wait. A page that is closed cannot: it looks like one that is
 * loaded anew, which goes on with the same challenge. Answers whether it was there to be given back: if so, nothing
 * was added with it.
 */
export async function release({ challengeIdentifier }, reason) {
  try {
    await call('POST', `${PATH}/release`, {
      body: { challengeIdentifier, reason },
      keepalive: true,
    })
    return true
  } catch (error) {
    // It has ended already, in another way.
    if (error.code !== 'challenge_invalid') {
      throw error
    }
    return false
  }
}

/** The same where nothing is said of it: if it fails, the owner sees it when the time of the challenge is over. */
export const giveBack = (given, reason) => release(given, reason).catch(() => {})

/** How the service says that nothing was made yet, and can be. */
const OPEN = 'Claimed'

/** What it tells of the challenge: nothing when it is of no more use and nothing was made, or it is too late to ask. */
async function told({ challengeIdentifier }) {
  try {
    return await call('POST', `${PATH}/status`, { body: { challengeIdentifier } })
  } catch (error) {
    if (error.code === 'challenge_invalid') {
      return undefined
    }
    throw error
  }
}

/** What the service tells of what was made for this challenge: nothing when nothing was, or it is too late to ask. */
export async function statusOf(challenge) {
  const status = await told(challenge)
  return status?.state === OPEN ? undefined : status
}

/** Whether nothing can be made for it any more, as when its owner has cancelled the code. */
export const hasEnded = async (challenge) => (await told(challenge)) === undefined
