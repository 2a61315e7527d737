// Walks through every page of the console in a real browser, as a user would see it.
//
//   node test/tour.mjs http://127.0.0.1:8420 TOKEN OUT_DIR [--demo]
//
// Fails on an error in the browser's console, a request that fails, a violation of accessibility rules (axe-core, serious and
// critical), a page that says it is broken, or a report that is not fit to be printed; in the demo also where a list has nothing to open. Writes a picture of each page to OUT_DIR.
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { launch } from './browser.mjs'
import { recording } from './recording.mjs'
import { print } from './report.mjs'

const [base = 'http://127.0.0.1:8420', token = '', out = 'tour', what = ''] = process.argv.slice(2)
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What each page has, wherever there is something: [name, path, link to follow to a page of the same kind]. */
const PAGES = [
  ['home', '/'],
  ['plan', '/plan'],
  ['by-image', '/by-image'],
  ['advisories', '/vulnerabilities', 'a[href^="/vulnerabilities/"]', 'advisory'],
  ['by-team', '/by-team'],
  ['findings', '/findings', 'a[href*="open="]', 'finding-panel'],
  ['tree', '/tree', '.tree-choose', 'tree-panel'],
  ['new-policy', '/policies/new'],
  ['policies', '/policies', 'td a[href^="/policies/"]', 'policy'],
  ['exceptions', '/exceptions'],
  ['reports', '/reports'],
  ['images', '/images', 'td a[href^="/images/"]', 'image', ['findings', 'layers', 'packages', 'secrets', 'profile', 'running']],
  ['images-found', '/images?q=demo%2Fshop-web', 'td a[href^="/images/"]', 'demo-image', ['profile']],
  ['registries', '/registries', 'td a[href^="/registries/"]', 'registry', ['tags', 'repositories']],
  ['packages', '/packages', 'a[href^="/packages/"]', 'package'],
  ['workloads', '/workloads', 'a[href^="/workloads/"]', 'workload', ['findings', 'alerts', 'containers', 'baseline']],
  ['containers', '/containers'],
  ['nodes', '/nodes', 'td a[href^="/nodes/"]', 'node'],
  ['incidents', '/incidents', 'a[href^="/incidents/"]', 'incident', ['graph', 'alerts', 'responses']],
  ['alerts', '/alerts'],
  ['events', '/events'],
  ['service-map', '/service-map', '.map-peer', 'service-map-panel'],
  ['service-list', '/service-map?view=list'],
  ['attack', '/attack', '.technique', 'technique'],
  ['responses', '/responses'],
  ['rules', '/rules'],
  ['rules-test', '/rules/test'],
  ['configurations', '/configurations', 'td a[href^="/configurations/"]', 'configuration'],
  ['new-configuration', '/configurations/new'],
  ['baselines', '/baselines', 'a[href^="/baselines/"]', 'baseline'],
  ['users', '/settings/users'],
  ['tokens', '/settings/tokens'],
  ['sinks', '/settings/sinks'],
  ['notifications', '/settings/notifications'],
  ['notification-history', '/settings/notifications/history'],
  ['sign-in', '/settings/sign-in'],
  ['retention', '/settings/retention'],
  ['hubs', '/settings/hubs'],
  ['audit', '/settings/audit'],
  ['lost', '/no-such-page'],
]

mkdirSync(out, { recursive: true })
const browser = await launch()
const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: 'light', bypassCSP: false })
const page = await context.newPage()
const problems = []
let at = 'start'
const wrong = (what) => {
  problems.push(`${at}: ${what}`)
  console.error(`  ! ${what}`)
}

page.on('console', (message) => {
  // Asking who is in, before anybody is, is answered by 401; a browser writes that down as an error.
  if (message.type() === 'error' && !(at === 'login' && message.text().includes('401'))) wrong(`console: ${message.text()}`)
})
page.on('pageerror', (error) => wrong(`error: ${error.message}`))
page.on('requestfailed', (request) => {
  const reason = request.failure()?.errorText ?? ''
  if (reason !== 'net::ERR_ABORTED') wrong(`request: ${request.url()} ${reason}`)
})
page.on('response', (response) => {
  if (response.status() >= 400 && !(at === 'login' && response.status() === 401)) wrong(`answer: ${response.status()} to ${response.url()}`)
})

/** Until nothing is being loaded any more. The stream of news never ends, so that "no request" is no condition. */
async function settled() {
  await page.waitForSelector('h1, .pf-v6-c-empty-state', { timeout: 15_000 })
  await page.waitForFunction(() => !document.querySelector('[aria-busy="true"], .chart-wait'), undefined, { timeout: 15_000 })
  await page.evaluate(() => document.fonts.ready)
  await page.waitForFunction(() =>
    document.getAnimations().every((one) => one.playState !== 'running' || one.effect?.getTiming().iterations === Infinity),
  )
}

async function check(name) {
  await settled()
  await page.screenshot({ path: join(out, `${name}.png`) })
  const broken = await page.locator('text=/This page is broken|could not be loaded/').count()
  if (broken > 0) wrong('it says that it is broken')
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
  if (wide > 0) wrong(`it is ${wide} pixels too wide`)
  // Through the debugging protocol: the page's own policy allows no script but the hub's.
  await page.evaluate(axe)
  const { violations } = await page.evaluate(() =>
    window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'], resultTypes: ['violations'] }),
  )
  for (const { id, impact, help, nodes } of violations) {
    if (impact !== 'serious' && impact !== 'critical') continue
    wrong(
      `axe ${impact} ${id}: ${help}; ${nodes.length} of ${nodes
        .slice(0, 3)
        .map((node) => `${node.target.join(' ')} ${node.any[0]?.message ?? ''}`)
        .join(' | ')}`,
    )
  }
}

async function visit(name, path) {
  at = name
  console.log(name)
  await page.goto(base + path)
  await check(name)
}

at = 'login'
console.log(at)
await page.goto(`${base}/login`)
await page.waitForSelector('form')
await page.evaluate(() => document.fonts.ready)
await page.screenshot({ path: join(out, 'login.png') })
await page.goto('about:blank')
await page.goto(`${base}/login#${encodeURIComponent(token)}`)
await page.waitForSelector('nav', { timeout: 15_000 })
if (page.url().includes('#')) wrong('the token is still in the address')

for (const [name, path, follow, next, tabs = []] of PAGES) {
  await visit(name, path)
  if (!follow) continue
  const link = page.locator(follow).first()
  if ((await link.count()) === 0) {
    // In the demo there is one of each.
    if (what === '--demo') wrong(`there is nothing to follow to ${next}`)
    else console.log(`  (nothing to follow: ${next})`)
    continue
  }
  at = next
  console.log(next)
  await link.click()
  await check(next)
  const here = new URL(page.url())
  for (const tab of tabs) await visit(`${next}-${tab}`, `${here.pathname}/${tab}`)
}

at = 'rules-tested'
console.log(at)
await page.goto(`${base}/rules`)
await page.getByRole('button', { name: 'Test on recorded events', exact: true }).click()
await page.getByLabel('Rules', { exact: true }).fill(`- rule: Something is closed
  desc: As all things are
  condition: evt.type = close
  output: "closed with %evt.res"
  priority: NOTICE`)
await page.getByLabel('Recording').setInputFiles({
  name: 'node.scap',
  mimeType: 'application/octet-stream',
  buffer: recording(Date.parse('2026-11-27T10:00:00Z')),
})
await page.getByLabel('Together with Gabion’s own rules').uncheck()
await page.getByRole('button', { name: 'Test', exact: true }).click()
await page.getByText('1 alert in 1 event').waitFor({ timeout: 15_000 })
await page.getByText('closed with SUCCESS').waitFor()
await check(at)
await page.getByRole('button', { name: 'As a command', exact: true }).click()
await page.getByText("gabion replay 'node.scap' --rules rules.yaml").waitFor()
await check('rules-test-command')
await page.keyboard.press('Escape')
await page.getByLabel('Rules', { exact: true }).fill('- rule: 1')
await page.getByRole('button', { name: 'Test', exact: true }).click()
await page.getByText('These rules cannot be used').waitFor({ timeout: 15_000 })
await check('rules-test-problems')
await page.getByRole('button', { name: 'Roll it out…', exact: true }).click()
await page.waitForURL('**/configurations/new')
if ((await page.getByLabel('Rules', { exact: true }).inputValue()) !== '- rule: 1') wrong('what was tried is not what would be rolled out')

// The weekly reports, read on the screen and on paper.
const answer = await fetch(`${base}/api/v1/owners`, { headers: { authorization: `Bearer ${token}` } })
const [owned] = (await answer.json()).filter(({ owner }) => owner)
for (const owner of [undefined, owned?.owner].filter((one, index) => index === 0 || one)) {
  const name = owner ? 'report-of-owner' : 'report'
  await visit(name, `/api/v1/reports/weekly?${new URLSearchParams({ format: 'html', ...(owner && { owner }) })}`)
  for (const one of await print(page, join(out, `${name}.pdf`), owner ?? 'everything')) wrong(one)
}

at = 'search'
console.log(at)
await page.goto(base)
await settled()
await page.keyboard.press('Control+k')
await page.waitForSelector('#search-everything:focus')
await page.keyboard.type('web')
await page.waitForSelector('[role="option"], .hits-none')
await check('search')

at = 'dark'
console.log(at)
await page.evaluate(() => localStorage.setItem('gabion.theme', 'dark'))
for (const [name, path] of [
  ['home-dark', '/'],
  ['findings-dark', '/findings'],
  ['service-map-dark', '/service-map'],
  ['rules-test-dark', '/rules/test'],
  ['attack-dark', '/attack'],
]) {
  await visit(name, path)
}

await browser.close()
console.log(problems.length === 0 ? 'all well' : `${problems.length} problems:\n${problems.join('\n')}`)
process.exitCode = problems.length === 0 ? 0 : 1
