// A web application that uses Latchkey by the published packages. Its pages are on domains of their own,
// none of them Latchkey's, so that everything they ask for crosses origins.

import { bundle } from './bundle.js'
import { addApplication, baseUrl, orgId } from './latchkey.js'
import { serve } from './site.js'

/** What the pages can call: the published packages, told about one installation and one domain. */
const SCRIPT = `
  import { DfnsApiClient, DfnsAuthenticator } from '@dfns/sdk'
  import { BrowserKeySigner, WebAuthnSigner } from '@dfns/sdk-browser'

  const { baseUrl, orgId, name } = globalThis.settings
  const curve = { name: 'ECDSA', namedCurve: 'P-256' }

  globalThis.application = {
    passkey: () => new WebAuthnSigner({ relyingParty: { id: location.hostname, name } }),
    key: async () =>
      new BrowserKeySigner({ keyPair: await crypto.subtle.generateKey(curve, true, ['sign', 'verify']) }),
    authenticator: (signer) => new DfnsAuthenticator({ baseUrl, orgId, signer }),
    client: (signer, authToken) => new DfnsApiClient({ baseUrl, orgId, signer, authToken }),
    async signIn(signer, username) {
      const { token } = await this.authenticator(signer).login({ orgId, username })
      return this.client(signer, token)
    },
  }
`

const page = (name) => `<!doctype html>
<html lang="en">
<title>${name}</title>
<script>globalThis.settings = ${JSON.stringify({ baseUrl, orgId, name })}</script>
<script type="module" src="/application.js"></script>
</html>
`

/** Serves the application on each of the domains, registers them, and answers their origins. */
export async function publish(name, ...domains) {
  const port = await serve({
    '/': { type: 'text/html', body: page(name) },
    '/application.js': { type: 'text/javascript', body: await bundle(SCRIPT) },
  })
  const origins = domains.map((domain) => `http://${domain}:${port}`)
  for (const [index, origin] of origins.entries()) {
    await addApplication({ name, rpId: domains[index], origin })
  }
  return origins
}
