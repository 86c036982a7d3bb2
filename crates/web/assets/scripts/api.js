// The public API, which lives on the page's own origin.

/** A call that was refused: `code` is stable, and what texts.js goes by; `field` is the member at fault, if one is. */
export class ApiError extends Error {
  constructor(response, body) {
    super(body?.error?.message ?? response.statusText)
    this.status = response.status
    this.code = body?.error?.code ?? 'internal'
    this.field = body?.error?.details?.field
    this.requestId = body?.error?.id
    this.retryAfter = Number(response.headers.get('retry-after')) || undefined
  }
}

/** No answer came at all. */
export class Unreachable extends Error {}

let clockDifference = 0

/** The service's time, as far as its last answer tells it; never ahead of it. */
export function serviceNow() {
  return Date.now() + clockDifference
}

/** One call; answers the body. With `keepalive` it is made even if the page is left meanwhile. */
export async function call(method, path, { body, token, userAction, keepalive } = {}) {
  const headers = {}
  if (body !== undefined) {
    headers['content-type'] = 'application/json'
  }
  if (token) {
    headers.authorization = `Bearer ${token}`
  }
  if (userAction) {
    headers['x-dfns-useraction'] = userAction
  }
  let response
  let answer
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: 'no-store',
      keepalive,
      credentials: 'omit',
    })
    answer = await response.json().catch(() => undefined)
  } catch {
    throw new Unreachable()
  }
  const date = Date.parse(response.headers.get('date') ?? '')
  if (date) {
    clockDifference = date - Date.now()
  }
  if (!response.ok) {
    throw new ApiError(response, answer)
  }
  return answer
}

let application

/** The application of this page: `{organization, application, applications, approval, codeRequests}`. */
export function thisApplication() {
  application ??= call('GET', '/auth/application').catch((error) => {
    application = undefined
    throw error
  })
  return application
}
