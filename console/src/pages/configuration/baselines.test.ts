import { expect, test } from 'vitest'
import { baselinesOf, withBaseline } from './baselines'

const line = (workload: string, image: string, port: number) => JSON.stringify({ workload, image, items: [{ port }] })

test('one of the same workload and image is replaced, all others stay', () => {
  const [web, api] = [line('shop/web', 'sha256:a', 80), line('shop/api', 'sha256:a', 80)]
  expect(withBaseline('', web)).toBe(web)
  expect(withBaseline(`${web}\n\n${api}\n`, line('shop/web', 'sha256:a', 81))).toBe(`${api}\n${line('shop/web', 'sha256:a', 81)}`)
  expect(withBaseline(web, line('shop/web', 'sha256:b', 80)).split('\n')).toHaveLength(2)
  expect(withBaseline('not yet\n', web)).toBe(`not yet\n${web}`)
})

test('each is told by its workload and image, and what is none is left out', () => {
  const [web, api] = [line('shop/web', 'sha256:a', 80), line('shop/api', 'sha256:b', 80)]
  expect(baselinesOf(`${web}\n\nnot yet\n${api}\n`)).toEqual([
    { workload: 'shop/web', image: 'sha256:a', items: 1 },
    { workload: 'shop/api', image: 'sha256:b', items: 1 },
  ])
})
