// What was made and sent: the answer may be lost on its way. Then the same is sent again, and nothing is made anew
// before it is known what came of it.

import { call } from './api.js'
import { signalVoid } from './passkeys.js'
import { forgetUnkept, noteUnkept } from './unkept.js'

/** Whether the service has decided, and not only failed or asked for patience. */
export const isDecided = ({ status }) => status < 500 && ![408, 429].includes(status)

/**
 * Makes a passkey (`make` of passkeys.js, with whatever goes with it), sends it, and answers the one with the other:
 * `{ sent, answer }`. `place` keeps what was made as long as no answer says what came of it (`get` and `set`). A
 * challenge is answered once, and what is refused for that may have come about before: browsers send a call again by
 * themselves when its connection is cut. `outcome` says what came of it, or nothing if that is not known.
 */
export async function sendOnce(place, { make, send, outcome }) {
  const earlier = place.get()
  const sent = earlier ?? (await make())
  if (!earlier) {
    place.set(sent)
  }
  try {
    return { sent, answer: await send(sent) }
  } catch (error) {
    const answer = error.code === 'challenge_invalid' ? await outcome(sent) : undefined
    if (answer) {
      return { sent, answer }
    }
    if (isDecided(error)) {
      place.set(undefined)
      // Sent again, it may have come about before, unless that was asked; and an id that is taken is a passkey's.
      const hasCome = earlier ? error.code !== 'challenge_invalid' : error.code === 'credential_id_taken'
      if (!hasCome) {
        signalVoid(sent)
      }
    }
    throw error
  }
}

/**
 * Whether a user has that passkey, as whoever signs in is told: what comes of a registration or a recovery is told to
 * nobody else.
 */
export async function hasPasskey({ organization }, username, { credentialInfo }) {
  try {
    const body = { orgId: organization.id, username }
    const { allowCredentials } = await call('POST', '/auth/login/init', { body })
    return allowCredentials.webauthn.some(({ id }) => id.replaceAll('=', '') === credentialInfo.credId)
  } catch (error) {
    if (error.code === 'no_usable_credential') {
      return false
    }
    throw error
  }
}

/**
 * A place for what is sent with a recovery kit, in the memory of the page: a kit is written nowhere but by its owner.
 * That it is not kept yet is noted before it is sent, and until that is so or the kit did not come about.
 */
export function inMemory() {
  let sent
  return {
    get: () => sent,
    set: (made) => {
      if (made) {
        noteUnkept(made.kit)
      } else {
        forgetUnkept(sent.kit)
      }
      sent = made
    },
  }
}
