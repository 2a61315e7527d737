// Puts a `.br` beside every text file of the build, so that the hub never compresses anything itself.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants } from 'node:zlib'

const TEXT = /\.(html|js|css|svg|json|txt)$/
const root = process.argv[2] ?? 'dist'
let before = 0
let after = 0

for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !TEXT.test(entry.name)) continue
  const path = join(entry.parentPath, entry.name)
  const bytes = readFileSync(path)
  const small = brotliCompressSync(bytes, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
  })
  writeFileSync(`${path}.br`, small)
  before += bytes.length
  after += small.length
}
console.log(`compressed ${Math.round(before / 1024)} kB of text to ${Math.round(after / 1024)} kB`)
