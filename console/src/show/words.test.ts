import { describe, expect, it } from 'vitest'
import { absolute, ago, bytes, compact, digest, endOfDay, many, percent, span, title, withoutRule } from './words'

const NOW = Date.UTC(2026, 10, 27, 21, 5, 9)
const HOUR = 3_600_000

describe('words', () => {
  it('says how long ago something was', () => {
    expect(ago(NOW - 2_000, NOW)).toBe('just now')
    expect(ago(NOW - 3 * HOUR, NOW)).toBe('3 h ago')
    expect(ago(NOW + 3 * 24 * HOUR, NOW)).toBe('in 3 d')
    expect(span(400 * 24 * HOUR)).toBe('400 d')
  })

  it('tells exact times in UTC', () => {
    expect(absolute(NOW)).toBe('2026-11-27 21:05:09 UTC')
    expect(absolute(endOfDay('2026-11-27'))).toBe('2026-11-27 23:59:59 UTC')
  })

  it('counts', () => {
    expect(many(1, 'image')).toBe('1 image')
    expect(many(12345, 'advisory', 'advisories')).toBe('12,345 advisories')
    expect(compact(9_999)).toBe('9,999')
    expect(compact(18_233_411)).toBe('18.2M')
  })

  it('never rounds a chance to nothing, nor to certainty', () => {
    expect(percent(0)).toBe('0 %')
    expect(percent(0.0004)).toBe('< 0.1 %')
    expect(percent(0.9996)).toBe('99.9 %')
    expect(percent(0.944)).toBe('94 %')
  })

  it('does not say a rule twice', () => {
    expect(withoutRule('Crypto miner | command=xmrig', 'Crypto miner')).toBe('command=xmrig')
    expect(withoutRule('Crypto miner', 'Crypto miner')).toBe('Crypto miner')
    expect(withoutRule('busybox started `id`', undefined)).toBe('busybox started `id`')
  })

  it('shortens', () => {
    expect(bytes(999)).toBe('999 B')
    expect(bytes(1_234_000)).toBe('1.2 MB')
    expect(digest(`sha256:${'ab'.repeat(32)}`)).toBe('abababababab')
    expect(digest('dir:/srv')).toBe('dir:/srv')
    expect(title('rolling-out')).toBe('Rolling out')
  })
})
