// The server: it knows nothing of Latchkey but its address, and its own id there.

import { createHash } from 'node:crypto'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'

import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose'

/** What the server is told. */
export type Settings = {
  /** Where Latchkey is, without a slash at the end. */
  latchkey: string
  /** The id of this application there. */
  application: string
  /** The page and its script. */
  page: { html: string; script: string }
}

/** Why a request is not answered as wished. */
class Refusal extends Error {
  constructor(readonly status: number) {
    super(`${status}`)
  }
}

/** Who issues tokens, and its keys, which jose keeps for a while. */
type Issuer = { issuer: string; keys: JWTVerifyGetKey }

/** Who signed in, and with what. */
type Session = { token: string; user: string }

/** The application, as it answers requests. */
export function notes({ latchkey, application, page }: Settings): RequestListener {
  /** In a database, in truth: by user, and the ids of actions under a unique key until an hour after `exp`. */
  const kept = new Map<string, string[]>()
  const honoured = new Set<string>()
  let known: Promise<Issuer> | undefined

  /** What Latchkey answers; without an answer nobody can be told anything. */
  async function ask(path: string, headers: Record<string, string> = {}): Promise<Response> {
    try {
      return await fetch(latchkey + path, { headers })
    } catch {
      throw new Refusal(503)
    }
  }

  async function findIssuer(): Promise<Issuer> {
    const answer = await ask('/.well-known/oauth-authorization-server')
    if (!answer.ok) {
      throw new Refusal(503)
    }
    const { issuer, jwks_uri } = (await answer.json()) as Record<string, string>
    return { issuer, keys: createRemoteJWKSet(new URL(jwks_uri), { cacheMaxAge: 300_000 }) }
  }

  /** The claims of a token of that type. */
  async function verify(token: string, typ: string): Promise<JWTPayload> {
    known ??= findIssuer()
    const { issuer, keys } = await known.catch((error) => {
      known = undefined
      throw error
    })
    const options = { algorithms: ['ES256'], audience: issuer, issuer, typ }
    try {
      const { payload } = await jwtVerify(token, keys, options)
      return payload
    } catch (error) {
      // What is said of the token is the client's fault; everything else is Latchkey being away.
      const isUntrue =
        error instanceof errors.JWTClaimValidationFailed ||
        error instanceof errors.JWTExpired ||
        error instanceof errors.JWTInvalid ||
        error instanceof errors.JWSInvalid ||
        error instanceof errors.JWSSignatureVerificationFailed ||
        error instanceof errors.JOSEAlgNotAllowed ||
        error instanceof errors.JOSENotSupported ||
        error instanceof errors.JWKSNoMatchingKey
      throw new Refusal(isUntrue ? 401 : 503)
    }
  }

  /** Who is signed in at this application, by the token alone. */
  async function signedIn({ headers }: IncomingMessage): Promise<Session> {
    const [, token] = /^bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? []
    if (!token) {
      throw new Refusal(401)
    }
    const { sub, azp } = await verify(token, 'latchkey-session+jwt')
    if (azp !== application || !sub) {
      throw new Refusal(403)
    }
    return { token, user: sub }
  }

  /** Latchkey alone knows of sign-outs. */
  async function requireFresh({ token }: Session) {
    const { status } = await ask('/auth/session', { authorization: `Bearer ${token}` })
    if (status !== 200) {
      throw new Refusal(status === 401 ? 401 : 503)
    }
  }

  /** Requires that the user signed exactly this request, and that it was not made before. */
  async function requireAction({ user }: Session, request: IncomingMessage, body: unknown) {
    const token = request.headers['x-dfns-useraction']
    if (typeof token !== 'string') {
      throw new Refusal(403)
    }
    const { sub, jti, action } = await verify(token, 'latchkey-user-action+jwt')
    const { method, path, payload } = action as Record<string, string>
    const digest = createHash('sha256').update(canonical(body)).digest('base64url')
    if (sub !== user || method !== request.method || path !== request.url || payload !== digest) {
      throw new Refusal(403)
    }
    if (!jti || honoured.has(jti)) {
      throw new Refusal(409)
    }
    honoured.add(jti)
  }

  async function answer(request: IncomingMessage, response: ServerResponse) {
    switch (`${request.method} ${request.url}`) {
      case 'GET /':
        return send(response, 'text/html; charset=utf-8', page.html)
      case 'GET /page.js':
        return send(response, 'text/javascript; charset=utf-8', page.script)
      case 'GET /settings':
        return send(response, 'application/json', JSON.stringify({ latchkey }))
      case 'GET /notes': {
        const { user } = await signedIn(request)
        return send(response, 'application/json', JSON.stringify({ notes: kept.get(user) ?? [] }))
      }
      case 'POST /notes': {
        const session = await signedIn(request)
        await requireFresh(session)
        const body = await read(request)
        await requireAction(session, request, body)
        const notes = [...(kept.get(session.user) ?? []), body.text]
        kept.set(session.user, notes)
        return send(response, 'application/json', JSON.stringify({ notes }))
      }
      default:
        throw new Refusal(404)
    }
  }

  return (request, response) => {
    answer(request, response).catch((error) => {
      response.writeHead(error instanceof Refusal ? error.status : 500)
      response.end()
    })
  }
}

function send(response: ServerResponse, type: string, body: string) {
  response.writeHead(200, { 'content-type': type })
  response.end(body)
}

/** A body of this application. */
async function read(request: IncomingMessage): Promise<{ text: string }> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of request) {
    parts.push(part)
    length += part.length
    if (length > 16_384) {
      throw new Refusal(413)
    }
  }
  try {
    const body = JSON.parse(Buffer.concat(parts).toString())
    if (typeof body.text === 'string') {
      return { text: body.text }
    }
  } catch {
    // As bad as another shape.
  }
  throw new Refusal(400)
}

/** The canonical JSON of what is read of a body: its digest is what the user signed. Here all values are texts. */
function canonical(body: unknown): string {
  const members = Object.entries(body as Record<string, string>).sort(([one], [other]) => (one < other ? -1 : 1))
  return JSON.stringify(Object.fromEntries(members))
}
