// The main paths of the console, clicked in a real browser against a real hub.
//
//   node test/paths.mjs http://127.0.0.1:8420 TOKEN [OUT_DIR]
//
// The caller has started a hub with an agent and the demo estate (`gabion up --demo`). What is made here is taken away again:
// a user, an exception, a plan, an isolation. When something goes wrong the page is kept as a picture in OUT_DIR.
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { launch } from './browser.mjs'

const [base = 'http://127.0.0.1:8420', token = '', out] = process.argv.slice(2)
const WAIT = 20_000
/** An agent is asked, and may be busy. */
const AGENT = 60_000

/** What is there, asked for beside the browser. */
async function ask(path) {
  const response = await fetch(`${base}/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } })
  if (!response.ok) throw new Error(`the hub answered ${response.status} to ${path}: ${await response.text()}`)
  return response.json()
}

function must(so, otherwise) {
  if (!so) throw new Error(otherwise)
  return so
}

const browser = await launch()
/** The page that is being clicked in, for the picture of what went wrong. */
let current

async function enter(name) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, acceptDownloads: true })
  context.setDefaultTimeout(WAIT)
  const page = await context.newPage()
  page.on('pageerror', (error) => {
    throw new Error(`an error in the page of ${name}: ${error.message}`)
  })
  current = page
  return page
}

async function step(name, act) {
  console.log(name)
  try {
    return await act()
  } catch (error) {
    if (out) {
      mkdirSync(out, { recursive: true })
      await current?.screenshot({ path: join(out, 'paths.png') }).catch(() => {})
    }
    console.error(`  ! ${name}: ${error.message}`)
    await browser.close()
    process.exit(1)
  }
}

const go = async (page, path) => {
  await page.goto(base + path)
  await page.waitForSelector('h1')
}
const button = (within, name) => within.getByRole('button', { name, exact: true })
/** By its label; that of what is required has a star. */
const field = (within, name) => within.getByLabel(new RegExp(`^${name}\\s*\\*?$`))
const dialog = (page) => page.getByRole('dialog')
const said = (page, text) => page.getByText(text).first().waitFor()

/** A button that is there for all to see, and does nothing for who may not. */
async function denied(page, name) {
  const one = button(page, name)
  await one.waitFor()
  must((await one.getAttribute('aria-disabled')) === 'true', `“${name}” is not denied`)
}

async function logIn(page, name, password) {
  await page.goto(`${base}/login`)
  await field(page, 'Name').fill(name)
  await field(page, 'Password').fill(password)
  await button(page, 'Log in').click()
  await page.getByRole('navigation', { name: 'Pages' }).waitFor()
}

const mark = randomBytes(4).toString('hex')
const user = `paths-${mark}`
const first = `first-${mark}-${mark}`
const second = `second-${mark}-${mark}`

const { finding, incident, container } = await step('there is something to click on', async () => {
  must(
    (await ask('/nodes?limit=1000')).items.some(({ state }) => state === 'connected'),
    'no agent is connected to the hub',
  )
  const open = (await ask('/findings?kind=vulnerability&suppressed=false&state=open,reopened,not-running&sort=since&limit=1')).items[0]
  must(open, 'the hub knows no open vulnerability: start it with the demo estate, and wait until its images are scanned')
  const running = new Set((await ask('/containers?running=true&limit=1000')).items.map(({ name }) => name))
  const { items } = await ask('/incidents?limit=100')
  must(items.length > 0, 'the hub knows no incident: start it with the demo estate, and wait until the attack is through')
  for (const one of items) {
    const name = one.containers.find((of) => running.has(of))
    if (name) return { finding: open, incident: one, container: name }
  }
  throw new Error('no incident is in a container that still runs: start the demo estate anew')
})

const admin = await enter('the administrator')

await step('log in by a token', async () => {
  await admin.goto(`${base}/login#${encodeURIComponent(token)}`)
  await admin.getByRole('navigation', { name: 'Pages' }).waitFor()
  must(!admin.url().includes('#'), 'the token is still in the address')
})

await step('add a user', async () => {
  await go(admin, '/settings/users')
  await button(admin, 'Add a user').first().click()
  const form = dialog(admin)
  await field(form, 'Name').fill(user)
  await field(form, 'Password').fill(first)
  await field(form, 'Role').selectOption('viewer')
  await button(form, 'Add').click()
  await admin.getByRole('row', { name: user }).waitFor()
})

const viewer = await enter('the viewer')

await step('log in by name and password, as a viewer', async () => {
  await logIn(viewer, user, first)
  await button(viewer, user).waitFor()
})

await step('a viewer may look, and change nothing', async () => {
  await go(viewer, `/findings/${encodeURIComponent(finding.id)}`)
  await denied(viewer, 'Make an exception')
  await denied(viewer, 'Plan the fix')
  await button(viewer, 'Make an exception').click({ force: true })
  must((await dialog(viewer).count()) === 0, 'a form opened')
  await go(viewer, `/incidents/${encodeURIComponent(incident.id)}`)
  await denied(viewer, 'Respond')
  await go(viewer, '/settings/users')
  await said(viewer, 'You may not see this')
  // Not only the buttons: the hub itself.
  const status = await viewer.evaluate(async (id) => {
    const { csrf } = await (await fetch('/api/v1/session')).json()
    const headers = { 'content-type': 'application/json', 'x-csrf-token': csrf }
    return (await fetch('/api/v1/findings/plan', { method: 'POST', headers, body: JSON.stringify({ findings: [id], note: '' }) })).status
  }, finding.id)
  must(status === 403, `the hub answered ${status} to a viewer who plans`)
})

await step('change the own password', async () => {
  await go(viewer, '/')
  await button(viewer, user).click()
  await viewer.getByRole('menuitem', { name: 'Change your password' }).click()
  const form = dialog(viewer)
  await field(form, 'Old password').fill(first)
  await field(form, 'New password').fill(second)
  await field(form, 'New password, again').fill(second)
  await button(form, 'Change').click()
  await viewer.waitForURL('**/login')
  await logIn(viewer, user, second)
  await viewer.context().close()
})

current = admin
const reason = `clicked by the paths ${mark}`

await step('make an exception: first what it would do, then it', async () => {
  await go(admin, `/findings/${encodeURIComponent(finding.id)}`)
  await button(admin, 'Make an exception').click()
  const form = dialog(admin)
  await field(form, 'Reason').fill(reason)
  await button(form, 'Show what it would suppress').click()
  await form.getByText(/It would suppress \d/).waitFor()
  await button(form, 'Make the exception').click()
  await form.waitFor({ state: 'detached' })
})

await step('see the finding suppressed', async () => {
  await said(admin, /Does not count: deferral until/)
  await go(admin, `/findings?suppressed=true&rule=${encodeURIComponent(finding.rule)}`)
  await admin.getByRole('row', { name: finding.rule }).first().waitFor()
})

await step('end the exception', async () => {
  await go(admin, '/exceptions')
  const row = admin.getByRole('row', { name: reason })
  await button(row, 'End').click()
  await button(dialog(admin), 'End it').click()
  await row.filter({ hasText: 'Ended' }).waitFor()
  await go(admin, `/findings/${encodeURIComponent(finding.id)}`)
  await button(admin, 'Make an exception').waitFor()
})

await step('write a policy: try it on what runs, keep it, remove it', async () => {
  const name = `paths-${mark}`
  await go(admin, '/policies/new')
  const text = field(admin, 'Policy')
  await text.fill((await text.inputValue()).replace('name: production', 'name: Not a name'))
  await button(admin, 'Keep').click()
  await said(admin, /is none for a policy of a hub/)
  await text.fill((await text.inputValue()).replace('name: Not a name', `name: ${name}`))
  await field(admin, 'Reason').fill(reason)
  await button(admin, 'Try').click()
  await admin.getByText(/It says no to \d+ of \d+ images?/).waitFor()
  await admin.getByRole('row', { name: 'no-known-exploited' }).first().waitFor()
  await button(admin, 'Keep').click()
  await admin.getByRole('heading', { name, exact: true }).waitFor()
  await said(admin, reason)
  await button(admin, 'Remove').click()
  await button(dialog(admin), 'Remove').click()
  await admin.waitForURL('**/policies')
  must(!(await ask('/policies')).items.some((one) => one.name === name), 'the policy is still there')
  await go(admin, `/findings/${encodeURIComponent(finding.id)}`)
})

await step('plan a finding, and withdraw it', async () => {
  await button(admin, 'Plan the fix').click()
  const form = dialog(admin)
  await field(form, 'Until').fill(new Date(Date.now() + 14 * 86_400_000).toISOString().slice(0, 10))
  await field(form, 'Note').fill(reason)
  await button(form, 'Plan').click()
  await said(admin, /plans to mend it until/)
  await said(admin, reason)
  await button(admin, 'Withdraw the plan').click()
  await button(admin, 'Plan the fix').waitFor()
})

await step('search by Ctrl-K', async () => {
  await go(admin, '/')
  await admin.keyboard.press('Control+k')
  await admin.getByRole('combobox', { name: 'Search everything' }).fill(finding.rule)
  await admin.getByRole('option', { name: finding.rule }).first().waitFor()
  await admin.keyboard.press('Enter')
  await admin.waitForURL((url) => decodeURIComponent(url.pathname).includes(finding.rule))
})

await step('open an incident from the list', async () => {
  await go(admin, '/incidents')
  await admin
    .locator(`a[href="/incidents/${encodeURIComponent(incident.id)}"]`)
    .first()
    .click()
  await admin.getByRole('heading', { level: 1, name: incident.title }).waitFor()
  await said(admin, 'What happened')
})

await step(`isolate ${container}: first a dry run, then it`, async () => {
  await button(admin, 'Respond').click()
  const form = dialog(admin)
  await field(form, 'Action').selectOption('isolate')
  const choices = field(form, 'Container')
  await choices.selectOption(await choices.locator('option', { hasText: container }).first().getAttribute('value'))
  await form.getByLabel('For how many minutes').fill('5')
  await field(form, 'Reason').fill(reason)
  await button(form, 'Dry run').click()
  const answer = form.locator('.form-note')
  await answer.waitFor({ timeout: AGENT })
  must((await answer.innerText()).includes('This would be done'), `the agent says: ${(await answer.innerText()).replaceAll('\n', ' ')}`)
  await button(form, 'Isolate now').click()
  await form.waitFor({ state: 'detached', timeout: AGENT })
})

await step('undo it', async () => {
  await go(admin, `/incidents/${encodeURIComponent(incident.id)}/responses`)
  // The dry run has a row, too: what can be undone is what was done.
  const row = admin.getByRole('row', { name: reason }).filter({ has: button(admin, 'Undo') })
  await row.waitFor({ timeout: AGENT })
  await button(row, 'Undo').click()
  await admin.getByRole('row', { name: reason }).filter({ hasText: 'Undone' }).waitFor({ timeout: AGENT })
})

await step('export a list as CSV', async () => {
  await go(admin, '/findings')
  await admin.getByRole('row', { name: /./ }).nth(1).waitFor()
  await button(admin, 'Export').click()
  const coming = admin.waitForEvent('download')
  await admin.getByRole('menuitem', { name: 'CSV' }).click()
  const file = await coming
  must(file.suggestedFilename().endsWith('.csv'), `the file is called ${file.suggestedFilename()}`)
  const lines = readFileSync(await file.path(), 'utf8')
    .trim()
    .split('\n')
  must(lines[0].includes('rule') && lines.length > 1, `the file begins with ${lines[0]}`)
})

await step('remove the user', async () => {
  await go(admin, '/settings/users')
  const row = admin.getByRole('row', { name: user })
  await button(row, 'Remove').click()
  await button(dialog(admin), 'Remove').click()
  await row.waitFor({ state: 'detached' })
})

await browser.close()
console.log('all well')
