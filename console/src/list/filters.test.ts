import { describe, expect, it } from 'vitest'
import { address, curl } from '../api/client'
import { chipsOf, type Filter, toggled, valuesOf } from './filters'

const FILTERS: readonly Filter[] = [
  { kind: 'text', key: 'q', label: 'Search' },
  {
    kind: 'choice',
    key: 'severity',
    label: 'Severity',
    options: [
      ['critical', 'Critical'],
      ['high', 'High'],
    ],
  },
  { kind: 'flags', label: 'Only', options: [['exploited', 'Known exploited']] },
]

describe('filters', () => {
  it('takes from an address only what is a filter', () => {
    const query = new URLSearchParams('q=xz&severity=critical,high&open=f1&sort=-priority')
    expect(valuesOf(query, FILTERS)).toEqual({ q: 'xz', severity: 'critical,high', sort: '-priority' })
  })

  it('makes a chip of each value, which knows what is left without it', () => {
    const chips = chipsOf({ severity: 'critical,high', exploited: 'true', sort: 'rule' }, FILTERS)
    expect(chips).toEqual([
      { key: 'severity', label: 'Severity', text: 'Critical', without: 'high' },
      { key: 'severity', label: 'Severity', text: 'High', without: 'critical' },
      { key: 'exploited', label: 'Only', text: 'Known exploited', without: '' },
    ])
  })

  it('adds a value, and takes it away', () => {
    expect(toggled('critical', 'high')).toBe('critical,high')
    expect(toggled('critical,high', 'critical')).toBe('high')
    expect(toggled(undefined, 'high')).toBe('high')
  })

  it('leaves out of a request what is not set', () => {
    expect(address('/findings', { q: 'a&b', severity: '', exploited: true, fixable: false, cursor: undefined })).toBe(
      '/api/v1/findings?q=a%26b&exploited=true',
    )
  })

  it('writes a command in which no quote can end the quoted address', () => {
    expect(curl('/findings', { q: "it's" }, 'https://hub')).toContain("'https://hub/api/v1/findings?q=it%27s'")
  })
})
