// A weekly report on paper: printed by the browser as a customer would print it, and read again.
import { writeFileSync } from 'node:fs'
import { pagesOf } from './pdf.mjs'

/** A4 in points, and how much Chromium rounds. */
const A4 = [595, 842]
/** Fonts have one sign for some two letters. */
const plain = (text) => text.normalize('NFKC').replace(/\s+/g, '')

/**
 * Prints the report that the page shows into a file.
 *
 * @returns {Promise<string[]>} what is wrong with it.
 */
export async function print(page, file, owner) {
  // What the page says, by which the paper is held.
  const { headings, tables } = await page.evaluate(() => ({
    headings: [...document.querySelectorAll('h1, h2, h3')].map(({ innerText }) => innerText),
    tables: [...document.querySelectorAll('table')].map((table) => ({
      head: table.tHead.innerText,
      rows: [...table.tBodies[0].rows].map(({ innerText }) => innerText),
    })),
  }))
  const pdf = await page.pdf({ preferCSSPageSize: true, printBackground: true })
  writeFileSync(file, pdf)
  const wrong = []
  const pages = pagesOf(pdf)
  const texts = pages.map(({ text }) => plain(text))
  const all = texts.join('')
  if (pages.some(({ width, height }) => Math.abs(width - A4[0]) > 2 || Math.abs(height - A4[1]) > 2)) {
    wrong.push(`not all of its pages are A4: ${pages.map(({ width, height }) => `${width}×${height}`).join(', ')}`)
  }
  if (!all.includes(plain(`Weekly report: ${owner}`))) wrong.push(`the paper does not say whose it is: ${owner}`)
  for (const heading of headings) if (!all.includes(plain(heading))) wrong.push(`the paper lacks “${heading}”`)
  for (const [index, text] of texts.entries()) {
    const number = `Page${index + 1}of${texts.length}`
    if (!text.includes(number)) wrong.push(`page ${index + 1} is not numbered`)
    const body = text.replace(number, '')
    if (body.length < 20) wrong.push(`page ${index + 1} is empty`)
    const alone = headings.find((heading) => body.endsWith(plain(heading)))
    if (alone) wrong.push(`page ${index + 1} ends with “${alone}”`)
    // Whatever begins with a row of a table has lost the head of it.
    const row = index > 0 && tables.flatMap(({ rows }) => rows).find((one) => plain(one).length > 8 && body.startsWith(plain(one)))
    if (row) wrong.push(`page ${index + 1} begins with “${row}”, without the head of its table`)
  }
  return wrong
}
