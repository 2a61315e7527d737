import { expect, test } from 'vitest'
import type { ImageProfile, ProfileAnswer, ProfileQuestion, ProfileVerdict } from '../../api/types'
import { evidence, isLibrary } from './profile'

const workload = (id: string) => ({ id, running: 1, since: 1, others: [] })
const profile: ImageProfile = {
  seen: {
    running: 1,
    watched: 1,
    ended: 0,
    gaps: [],
    workloads: [workload('shop/web')],
    hidden: 0,
    listens: [
      { port: '80/tcp', declared: true, workloads: ['shop/api'] },
      { port: '9/tcp', declared: false, workloads: ['shop/web', 'shop/api'] },
    ],
    files: [],
    more_files: 0,
    packages: { loaded: 1, idle: 1, unseen: 0, packages: [{ kind: 'deb', name: 'curl', findings: 2 }] },
    outgoing: [],
    more_outgoing: 0,
    incoming: [],
    more_incoming: 0,
    hidden_incoming: 0,
    entries: [],
    alerts: [
      { rule: 'Shell', alerts: 9 },
      { rule: 'Program dropped and executed', alerts: 1 },
    ],
    baselines: [],
    baselines_unknown: [],
  },
  comparison: [],
}
const to = (question: ProfileQuestion, verdict: ProfileVerdict, of = profile) => {
  const answer: ProfileAnswer = { question, verdict, text: '' }
  return evidence(answer, of, 'sha256:a')?.[0]
}

test('each answer leads to what shows it', () => {
  expect(to('listens', 'differs')).toBe('/workloads/shop%2Fweb/baseline')
  expect(to('declared', 'differs')).toBe('/images/sha256%3Aa/running')
  expect(to('user', 'differs')).toBe('/events?q=user.uid%3D0&kind=execve&workload=shop%2Fweb')
  expect(to('packages', 'differs')).toBe('#idle')
  expect(to('drift', 'differs')).toBe('/alerts?rule=Program+dropped+and+executed')
  expect(to('packages', 'unknown')).toBe('/images/sha256%3Aa/running')
})

test('where there is nothing to see there is no way to it', () => {
  const seen = { ...profile.seen, listens: [], workloads: [workload('a'), workload('b')], packages: undefined }
  const nothing = { ...profile, seen } as unknown as ImageProfile
  expect(to('listens', 'agrees', nothing)).toBeUndefined()
  expect(to('packages', 'agrees', nothing)).toBeUndefined()
  expect(to('drift', 'agrees')).toBeUndefined()
  expect(to('user', 'agrees', nothing)).toBe('/events?q=user.uid%3A*&kind=execve')
})

test('libraries and archives are no programs', () => {
  for (const path of ['usr/lib/libc.so.6', 'usr/lib/x86_64-linux-gnu/libssl.so', 'srv/app.jar']) expect(isLibrary(path)).toBe(true)
  for (const path of ['usr/bin/bash', 'usr/sbin/nginx', 'opt/so']) expect(isLibrary(path), path).toBe(false)
})
