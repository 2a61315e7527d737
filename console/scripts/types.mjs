// Writes `src/api/schema.ts`, the hub's contract in TypeScript, from its OpenAPI description.
//
//   node scripts/types.mjs            writes it
//   node scripts/types.mjs --check    fails if it is not what would be written
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import openapi, { astToString } from 'openapi-typescript'

const SOURCE = new URL('../../crates/hub/openapi.json', import.meta.url)
const TARGET = new URL('../src/api/schema.ts', import.meta.url)
const HEAD = '// Made by `npm run types` from crates/hub/openapi.json: not to be changed by hand.\n\n'

/** What is not known is absent and never null: a null that may also be absent is taken away. */
function withoutNull(value) {
  if (Array.isArray(value)) return value.map(withoutNull)
  if (value === null || typeof value !== 'object') return value
  const next = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutNull(inner)]))
  if (Array.isArray(next.type)) next.type = only(next.type.filter((one) => one !== 'null'))
  if (Array.isArray(next.oneOf)) next.oneOf = next.oneOf.filter((one) => one.type !== 'null')
  return next
}

const only = (list) => (list.length === 1 ? list[0] : list)

const { components, ...description } = JSON.parse(readFileSync(SOURCE, 'utf8'))
// The addresses are asked for by hand (`src/api/query.ts`): only what comes and goes is of use here.
const ast = await openapi(
  { ...description, paths: {}, components: { schemas: withoutNull(components.schemas) } },
  { arrayLength: true, defaultNonNullable: false, alphabetize: true },
)
const text = HEAD + astToString(ast)

if (!process.argv.includes('--check')) {
  writeFileSync(TARGET, text)
} else if (!existsSync(TARGET) || readFileSync(TARGET, 'utf8') !== text) {
  console.error('src/api/schema.ts is not what crates/hub/openapi.json says: run `npm run types`')
  process.exitCode = 1
}
