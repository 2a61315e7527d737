// The pictures of docs/tour.md, taken from a hub with the demo estate.
//
//   node test/pictures.mjs http://127.0.0.1:8420 TOKEN ../docs/tour
//
// 1280 by 800, WebP, each at the best quality that keeps it beneath 80 kB.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { launch } from './browser.mjs'
import { recording } from './recording.mjs'

const [base = 'http://127.0.0.1:8420', token = '', out = '../docs/tour'] = process.argv.slice(2)
const MOST = 80_000

async function ask(path) {
  const response = await fetch(`${base}/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } })
  if (!response.ok) throw new Error(`the hub answered ${response.status} to ${path}`)
  return response.json()
}

/** The first that is as wished, else the first. */
const pick = ({ items }, wish) => items.find(wish) ?? items[0]

const running = new Set((await ask('/containers?running=true&limit=1000')).items.map(({ name }) => name))
const incident = pick(
  await ask('/incidents?limit=100&sort=-updated'),
  ({ containers }) => containers.length > 1 && containers.every((name) => running.has(name)),
)
const finding = pick(
  await ask('/findings?kind=vulnerability&limit=200&sort=-priority'),
  ({ repository, loaded }) => loaded && repository.startsWith('demo/'),
)
const images = await ask('/images?limit=100&sort=-urgency')
const image = pick(images, ({ name }) => name.startsWith('demo/'))
const profiled = pick(images, ({ name, running }) => name.startsWith('demo/payments') && running > 0)
const workload = pick(await ask('/workloads?limit=100'), ({ name }) => name === 'demo/shop-web')
const baseline = pick(await ask('/baselines'), ({ workload, items }) => workload === 'demo/shop-web' && items > 0)
const node = pick(await ask('/nodes'), () => true)
const to = (path, thing) => `/${path}/${encodeURIComponent(thing?.id ?? '')}`

/** The newest version, or where the first is made. */
const newest = ({ items }) => (items.length > 0 ? `/configurations/${items[0].version}` : '/configurations')

/** The first of what somebody has made, or where the first is made. */
const first = (list, { items }) => (items.length > 0 ? `/${list}/${encodeURIComponent(items[0].name)}` : `/${list}`)

const PICTURES = [
  ['home', '/'],
  ['plan', '/plan'],
  ['tree', '/tree'],
  ['owners', '/by-team'],
  ['advisories', '/vulnerabilities'],
  ['finding', to('findings', finding)],
  ['image', `${to('images', image)}/layers`],
  ['profile', `${to('images', profiled)}/profile`],
  ['workload', to('workloads', workload)],
  ['node', to('nodes', node)],
  ['incident', to('incidents', incident)],
  ['graph', `${to('incidents', incident)}/graph`],
  ['respond', to('incidents', incident), respond],
  ['events', `/events?workload=${encodeURIComponent(workload?.id ?? '')}`],
  ['service-map', '/service-map'],
  ['attack', '/attack'],
  ['rules-test', '/rules/test', testRules],
  ['baseline', to('baselines', baseline)],
  ['registry', first('registries', await ask('/registries'))],
  ['configuration', newest(await ask('/configurations'))],
  ['new-configuration', '/configurations/new'],
  ['policy', first('policies', await ask('/policies'))],
  ['exceptions', '/exceptions'],
  ['notifications', '/settings/notifications'],
  ['retention', '/settings/retention'],
  ['sinks', '/settings/sinks'],
  ['sign-in', '/settings/sign-in'],
  ['hubs', '/settings/hubs'],
  ['reports', '/reports'],
]

/** What would be done, as the agent says. */
async function respond(page) {
  await page.getByRole('button', { name: 'Respond', exact: true }).click()
  await page.getByRole('button', { name: 'Dry run', exact: true }).click()
  await page.locator('.form-note').waitFor({ timeout: 60_000 })
}

/** What a rule would have said of a recording. */
async function testRules(page) {
  await page.getByLabel('Rules', { exact: true }).fill(`- rule: Descriptor closed
  desc: An example
  condition: evt.type = close
  output: "closed with %evt.res"
  priority: NOTICE`)
  const file = { name: 'node.scap', mimeType: 'application/octet-stream', buffer: recording(Date.now() - 3_600_000) }
  await page.getByLabel('Recording').setInputFiles(file)
  await page.getByLabel('Together with Gabion’s own rules').uncheck()
  await page.getByRole('button', { name: 'Test', exact: true }).click()
  await page.getByText('1 alert in 1 event').waitFor()
}

mkdirSync(out, { recursive: true })
const browser = await launch()
const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: 'light' })
const page = await context.newPage()
const tools = await context.newCDPSession(page)
await page.goto(`${base}/login#${encodeURIComponent(token)}`)
await page.getByRole('navigation', { name: 'Pages' }).waitFor()
let sum = 0
for (const [name, path, act] of PICTURES) {
  await page.goto(base + path)
  await page.waitForSelector('h1, .pf-v6-c-empty-state')
  await page.waitForFunction(() => !document.querySelector('[aria-busy="true"], .chart-wait'))
  await act?.(page)
  // Until nodes have their names.
  await page.waitForFunction(() => !/\bn-[0-9a-f]{6}/.test(document.querySelector('#main')?.innerText ?? ''))
  await page.evaluate(() => document.fonts.ready)
  await page.waitForFunction(() => [...document.images].every(({ complete }) => complete))
  await page.waitForFunction(() =>
    document.getAnimations().every((one) => one.playState !== 'running' || one.effect?.getTiming().iterations === Infinity),
  )
  for (const quality of [80, 65, 50, 35, 20]) {
    const picture = Buffer.from((await tools.send('Page.captureScreenshot', { format: 'webp', quality })).data, 'base64')
    if (picture.length > MOST && quality > 20) continue
    writeFileSync(join(out, `${name}.webp`), picture)
    sum += picture.length
    console.log(`${name}: ${Math.round(picture.length / 1000)} kB`)
    break
  }
}
await browser.close()
console.log(`${PICTURES.length} pictures, ${Math.round(sum / 1000)} kB`)
