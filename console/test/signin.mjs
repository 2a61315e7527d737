// Log-in by a provider, clicked in a real browser: set up by an administrator, used by somebody, taken away again.
//
//   node test/signin.mjs http://127.0.0.1:8420 TOKEN [OUT_DIR]
//
// The provider is oidc-provider from npm (scripts/fetch-oidc.sh). It is told as `localhost`, so that the browser takes it for another site than the hub on
// 127.0.0.1, as a real one is. Where it was not fetched this says so, and fails under CI=true.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { launch } from './browser.mjs'

const [base = 'http://127.0.0.1:8420', token = '', out] = process.argv.slice(2)
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'gabion/oidc')
if (!existsSync(join(cache, 'done'))) {
  console.log('not run: scripts/fetch-oidc.sh was not run')
  process.exit(process.env.CI === 'true' ? 1 : 0)
}
const script = fileURLToPath(new URL('../../crates/hub/tests/oidc/provider.mjs', import.meta.url))
const callback = `${base}/api/v1/session/oidc/callback`
const provider = spawn(process.execPath, [script, join(cache, 'node_modules'), callback], {
  stdio: ['pipe', 'pipe', 'ignore'],
  env: { ...process.env, GABION_TEST_HOST: 'localhost' },
})
const [line] = await new Promise((resolve) => createInterface(provider.stdout).once('line', (...all) => resolve(all)))
const { issuer } = JSON.parse(line)
const control = (wish) => fetch(`${issuer}/control`, { method: 'POST', body: JSON.stringify(wish) })
await control({ people: { u1: { preferred_username: 'ann', groups: ['shop'] }, u2: { preferred_username: 'eve', groups: [] } } })

const browser = await launch()
let current
async function enter() {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } })
  context.setDefaultTimeout(20_000)
  current = await context.newPage()
  return current
}
async function picture(name, dark = false) {
  if (!out) return
  mkdirSync(out, { recursive: true })
  await current.emulateMedia({ colorScheme: dark ? 'dark' : 'light' })
  await current.screenshot({ path: join(out, `${name}.png`) })
}
async function step(name, act) {
  console.log(name)
  try {
    await act()
  } catch (error) {
    await picture('signin-failed').catch(() => {})
    console.error(`  ! ${name}: ${error.message}`)
    await browser.close()
    provider.kill()
    process.exit(1)
  }
}
const button = (within, name) => within.getByRole('button', { name, exact: true })
const field = (within, name) => within.getByLabel(new RegExp(`^${name}\\s*\\*?$`))
const dialog = () => current.getByRole('dialog')
const said = (text) => current.getByText(text).first().waitFor()

await enter()
const admin = current
await step('set up a provider: what is wrong is said first', async () => {
  await admin.goto(`${base}/login#${encodeURIComponent(token)}`)
  await admin.getByRole('navigation', { name: 'Pages' }).waitFor()
  await admin.goto(`${base}/settings/sign-in`)
  await button(admin, 'Set up a provider').first().click()
  const form = dialog()
  await field(form, 'Name on the button').fill('Example')
  await field(form, 'Issuer').fill(issuer)
  await field(form, 'Client ID').fill('gabion')
  await field(form, 'Client secret').fill('a wrong one')
  await button(form, 'Add a group').click()
  await form.getByLabel('Group', { exact: true }).fill('shop')
  await form.getByLabel('Role', { exact: true }).selectOption('triager')
  await form.getByLabel('Only these owners').fill('shop')
  await button(form, 'Try it').click()
  await said('The provider cannot be used like this.')
  await said('Check the client id and the client secret.')
  await picture('signin-wrong')
  await field(form, 'Client secret').fill('a secret with : & % in it')
  await button(form, 'Try it').click()
  await said('The provider can be used.')
  await picture('signin-right')
  await button(form, 'Save').click()
  await form.waitFor({ state: 'detached' })
  await said('Log in with Example')
  await picture('signin-set')
  await picture('signin-set-dark', true)
})

await enter()
await step('log in by it, to the page that was wanted', async () => {
  await current.goto(`${base}/findings?severity=high`)
  await current.getByRole('link', { name: 'Log in with Example' }).waitFor()
  await picture('signin-login')
  await current.getByRole('link', { name: 'Log in with Example' }).click()
  await current.locator('input[name=login]').fill('u1')
  await current.locator('input[name=password]').fill('any')
  await current.locator('button[type=submit]').click()
  await current.waitForURL(`${base}/findings?severity=high`)
  await button(current, 'oidc:ann').click()
  await said('triager, only owner shop')
  if ((await current.getByRole('menuitem', { name: 'Change your password' }).count()) > 0) throw new Error('it offers to change a password')
  await current.getByRole('menuitem', { name: 'Log out' }).click()
  await current.waitForURL('**/login')
})

await enter()
await step('whoever is in no group is told so', async () => {
  await current.goto(`${base}/login`)
  await current.getByRole('link', { name: 'Log in with Example' }).click()
  await current.locator('input[name=login]').fill('u2')
  await current.locator('input[name=password]').fill('any')
  await current.locator('button[type=submit]').click()
  await said('You are in no group that may come in.')
  await picture('signin-refused')
})

current = admin
await step('see who came, and take the provider away', async () => {
  await admin.goto(`${base}/settings/users`)
  const row = admin.getByRole('row', { name: 'oidc:ann' })
  await row.waitFor()
  await picture('signin-users')
  await button(row, 'Remove').click()
  await button(dialog(), 'Remove').click()
  await row.waitFor({ state: 'detached' })
  await admin.goto(`${base}/settings/sign-in`)
  await button(admin, 'Remove').click()
  await button(dialog(), 'Remove').click()
  await said('People log in by name and password only')
})

await browser.close()
provider.kill()
console.log('all well')
