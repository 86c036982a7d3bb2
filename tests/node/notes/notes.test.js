// `examples/notes`, as its build makes it: the types fit the published client, and its page and server do what
// the guide says, in a real browser.

import assert from 'node:assert/strict'
import { webcrypto } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'

import { build } from 'esbuild'
import ts from 'typescript'

import { Device, launch, press, says } from '../support/browser.js'
import { addApplication, baseUrl, invite } from '../support/latchkey.js'

const project = join(dirname(fileURLToPath(import.meta.url)), '..')
const example = join(project, '../../examples/notes')
const packages = join(project, 'node_modules')

const browser = await launch()

/** The example's file as one ES module. */
async function bundle(file, platform) {
  const { outputFiles } = await build({
    entryPoints: [join(example, 'src', file)],
    bundle: true,
    format: 'esm',
    nodePaths: [packages],
    platform,
    target: 'es2022',
    write: false,
  })
  return outputFiles[0].text
}

/** The server of the example, as Node.js runs it. */
async function server() {
  // Node.js has it by itself from version 20 on.
  globalThis.crypto ??= webcrypto
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-notes-'))
  after(() => rm(folder, { recursive: true }))
  const file = join(folder, 'server.mjs')
  await writeFile(file, await bundle('server.ts', 'node'))
  return import(pathToFileURL(file))
}

/** Serves the example at an origin of its own, registers it, and answers the origin. */
async function publish() {
  const { notes } = await server()
  const listener = createServer()
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  after(() => {
    listener.closeAllConnections()
    listener.close()
  })
  const origin = `http://notes.localhost:${listener.address().port}`
  const { appId } = await addApplication({ name: 'Notes', rpId: 'notes.localhost', origin })
  const page = {
    html: await readFile(join(example, 'index.html'), 'utf8'),
    script: await bundle('page.ts', 'browser'),
  }
  listener.on('request', notes({ latchkey: baseUrl, application: appId, page }))
  return origin
}

test('its types fit the published client', () => {
  const { config } = ts.readConfigFile(join(example, 'tsconfig.json'), ts.sys.readFile)
  const { fileNames, options } = ts.parseJsonConfigFileContent(config, ts.sys, example)
  assert.ok(fileNames.length > 2)
  // Its packages are those of the tests.
  const found = {
    ...options,
    baseUrl: packages,
    paths: { '*': ['*'] },
    typeRoots: [join(packages, '@types')],
  }
  const problems = ts.getPreEmitDiagnostics(ts.createProgram(fileNames, found))
  const texts = problems.map(({ file, messageText }) => {
    return `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`
  })
  assert.deepEqual(texts, [])
})

test('its packages are those that are tested', async () => {
  const read = async (file) => JSON.parse(await readFile(file, 'utf8'))
  const wanted = await read(join(example, 'package.json'))
  const { devDependencies: tested } = await read(join(project, 'package.json'))
  const all = Object.entries({ ...wanted.dependencies, ...wanted.devDependencies })
  assert.ok(all.length > 4)
  for (const [name, version] of all) {
    assert.equal(version, tested[name], name)
  }
})

test('somebody registers, signs in, signs a note and adds a passkey in another place', async () => {
  const origin = await publish()
  const visitor = async () => {
    const device = await Device.open(browser)
    const script = device.page.waitForRequest(`${origin}/page.js`)
    await device.page.goto(origin)
    await says(device, 'Ready.')
    assert.equal((await (await script).allHeaders()).referer, undefined)
    return device
  }
  const signIn = async (device) => {
    await device.page.getByLabel('Name', { exact: true }).fill(username)
    await press(device, 'Sign in with a passkey')
    await says(device, 'You are signed in.')
  }
  const { username, registrationCode } = await invite()
  const laptop = await visitor()
  await laptop.page.getByLabel('User name').fill(username)
  await laptop.page.getByLabel('Registration code').fill(registrationCode)
  await press(laptop, 'Register')
  await says(laptop, 'You are registered.')
  await signIn(laptop)
  await laptop.page.getByLabel('Note').fill('Buy milk')
  const sent = laptop.page.waitForRequest(
    (request) => request.url() === `${origin}/notes` && request.method() === 'POST',
  )
  await press(laptop, 'Sign and keep')
  await says(laptop, 'It is kept.')
  assert.deepEqual(await laptop.page.locator('#notes li').allTextContents(), ['Buy milk'])

  // What was honoured is not honoured again, and nothing else was signed.
  const headers = await (await sent).allHeaders()
  const again = async (text, changes = {}) => {
    const { authorization, 'x-dfns-useraction': action } = { ...headers, ...changes }
    // A name below `localhost` leads browsers to this machine, and not everybody else.
    const url = origin.replace('notes.localhost', '127.0.0.1')
    const { status } = await fetch(`${url}/notes`, {
      method: 'POST',
      headers: { authorization, 'x-dfns-useraction': action },
      body: JSON.stringify({ text }),
    })
    return status
  }
  assert.equal(await again('Buy milk'), 409)
  assert.equal(await again('Buy gold'), 403)
  assert.equal(await again('Buy milk', { authorization: `${headers.authorization}x` }), 401)
  const session = headers.authorization.split(' ')[1]
  assert.equal(await again('Buy milk', { 'x-dfns-useraction': session }), 401)

  await press(laptop, 'Get a code')
  await says(laptop, 'Enter the code')
  const code = await laptop.page.locator('#one-time-code').textContent()
  const phone = await visitor()
  await phone.page.getByLabel('One-time code').fill(code)
  await press(phone, 'Add a passkey')
  await says(phone, 'The passkey is added.')
  await signIn(phone)
  await phone.page.locator('#notes li', { hasText: 'Buy milk' }).waitFor()

  // Who has signed out is refused where the server asks Latchkey.
  await press(laptop, 'Sign out')
  await says(laptop, 'You are signed out.')
  assert.equal(await again('Buy milk'), 401)
  for (const device of [laptop, phone]) {
    assert.deepEqual(device.errors, [])
    await device.close()
  }
})
