// The published packages as one ES module for browsers, as an application's build would make it.

import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

import { build } from 'esbuild'

/** What `source`, an ES module that imports published packages, becomes: text for a `<script>`. */
export async function bundle(source) {
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir: dirname(fileURLToPath(import.meta.url)) },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    write: false,
  })
  return outputFiles[0].text
}
