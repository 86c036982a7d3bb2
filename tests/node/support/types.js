// The published client's own types as checks at run time: every answer that a wrapped client gives is
// compared with the type that its declaration promises.

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import Ajv from 'ajv'
import { createGenerator } from 'ts-json-schema-generator'

const PACKAGE = fileURLToPath(new URL('../node_modules/@dfns/sdk/', import.meta.url))

/** Where each client is declared, and where the types are that its declaration calls `T.…` or nothing. */
const DECLARATIONS = {
  AuthClient: { file: 'generated/auth/client.d.ts', types: 'generated/auth/types.d.ts' },
  DelegatedAuthClient: {
    file: 'generated/auth/delegatedClient.d.ts',
    types: 'generated/auth/types.d.ts',
    unqualified: 'baseAuthApi.d.ts',
  },
  BaseAuthApi: { file: 'baseAuthApi.d.ts', unqualified: 'baseAuthApi.d.ts' },
  DfnsAuthenticator: { file: 'dfnsAuthenticator.d.ts', unqualified: 'dfnsAuthenticator.d.ts' },
}

/** `listUsers(request?: …): Promise<T.ListUsersResponse>;` */
const METHOD = /^ +(?:static )?(\w+)\(.*\): Promise<(T\.)?(\w+)>;$/gm

// What Latchkey says beyond the type is welcome, as it is to the client.
const ajv = new Ajv({ allErrors: true, strict: false })

/** Where what was read of that version of the package is kept: to read its types takes many seconds. */
const { version } = JSON.parse(readFileSync(`${PACKAGE}package.json`, 'utf8'))
const KEPT = fileURLToPath(new URL(`../node_modules/.cache/types-${version}/`, import.meta.url))

/** What the types of a file say, as JSON Schema. */
function read(file) {
  const kept = KEPT + file.replaceAll('/', '-')
  try {
    return JSON.parse(readFileSync(kept, 'utf8'))
  } catch {
    const options = { path: PACKAGE + file, type: '*', skipTypeCheck: true, additionalProperties: true }
    const schema = createGenerator(options).createSchema('*')
    mkdirSync(KEPT, { recursive: true })
    // Others may be at it at the same moment, and none reads half of it.
    const own = `${kept}.${process.pid}`
    writeFileSync(own, JSON.stringify(schema))
    renameSync(own, kept)
    return schema
  }
}

/** Adds the types of a file once. */
function schemaOf(file) {
  if (!ajv.getSchema(file)) {
    ajv.addSchema(read(file), file)
  }
  return file
}

/** The methods of a client, each with a function that answers what is wrong with a value, or nothing. */
export function methodsOf(client) {
  const { file, types, unqualified } = DECLARATIONS[client]
  const methods = new Map()
  for (const [, method, qualifier, type] of readFileSync(PACKAGE + file, 'utf8').matchAll(METHOD)) {
    const source = qualifier ? types : unqualified
    methods.set(method, (answer) => {
      // A promise of nothing is kept by whatever is ignored.
      if (type === 'void') {
        return undefined
      }
      const check = ajv.getSchema(`${schemaOf(source)}#/definitions/${type}`)
      assert.ok(check, `${file} has no type ${type}`)
      return check(answer) ? undefined : ajv.errorsText(check.errors, { dataVar: type })
    })
  }
  return methods
}

/** The same client, whose every answer must be of the type that `client`'s declaration promises. */
export function checked(client, instance) {
  const methods = methodsOf(client)
  return new Proxy(instance, {
    get(target, name) {
      const check = methods.get(name)
      if (!check) {
        return target[name]
      }
      return async (...values) => {
        const answer = await target[name](...values)
        assert.equal(check(answer), undefined, `${client}.${name}: ${JSON.stringify(answer)}`)
        return answer
      }
    },
  })
}
