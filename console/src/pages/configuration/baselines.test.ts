import { expect, test } from 'vitest'
import { withBaseline } from './baselines'

const line = (workload: string, image: string, port: number) => JSON.stringify({ workload, image, items: [{ port }] })

test('one of the same workload and image is replaced, all others stay', () => {
  const [web, api] = [line('shop/web', 'sha256:a', 80), line('shop/api', 'sha256:a', 80)]
  expect(withBaseline('', web)).toBe(web)
  expect(withBaseline(`${web}\n\n${api}\n`, line('shop/web', 'sha256:a', 81))).toBe(`${api}\n${line('shop/web', 'sha256:a', 81)}`)
  expect(withBaseline(web, line('shop/web', 'sha256:b', 80)).split('\n')).toHaveLength(2)
  expect(withBaseline('not yet\n', web)).toBe(`not yet\n${web}`)
})
