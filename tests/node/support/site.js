// A web server of a test's own: the pages of an application that is not Latchkey.

import { createServer } from 'node:http'
import { once } from 'node:events'
import { after } from 'node:test'

/**
 * Serves `files` (path → `{type, body}`) on a free port until the tests of the file end, and answers the
 * port. Every name under `localhost` leads a browser there, as two names are two domains to it.
 */
export async function serve(files) {
  const server = createServer((request, response) => {
    const file = files[new URL(request.url, 'http://localhost').pathname]
    response.writeHead(file ? 200 : 404, { 'content-type': file?.type ?? 'text/plain' })
    response.end(file?.body ?? 'not found')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  return server.address().port
}
