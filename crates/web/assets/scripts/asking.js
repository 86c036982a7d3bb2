// To ask again and again what becomes of something: "not now" is no answer, and ends no waiting.

import { ApiError, Unreachable, serviceNow } from './api.js'
import { t } from './language.js'
import { say } from './page.js'

/** No answer at all, a service that cannot answer at present, or one that wants to be asked less often. */
const isNotNow = (error) =>
  error instanceof Unreachable || (error instanceof ApiError && (error.status >= 500 || error.status === 429))

let isCutOff = false

/**
 * Asks once, of whoever asks `every` so many milliseconds `until` then, by the service's clock. Answers `{ answer }`,
 * or `{ pause }` when there is none for now: how long to wait before asking again, in milliseconds.
 */
export async function askOnce(ask, { every, until = Number.POSITIVE_INFINITY }) {
  try {
    const answer = await ask()
    if (isCutOff) {
      isCutOff = false
      say('')
    }
    return { answer }
  } catch (error) {
    if (!isNotNow(error) || serviceNow() >= until) {
      throw error
    }
    isCutOff = true
    say(
      error instanceof Unreachable
        ? t('The service cannot be reached; still trying.')
        : t('The service cannot answer at present; still trying.'),
    )
    return { pause: Math.max(every, (error.retryAfter ?? 0) * 1000) }
  }
}

export const pause = (milliseconds) => new Promise((wake) => setTimeout(wake, milliseconds))

/** Asks until there is an answer. */
export async function askUntil(ask, options) {
  for (;;) {
    const told = await askOnce(ask, options)
    if ('answer' in told) {
      return told.answer
    }
    await pause(told.pause)
  }
}
