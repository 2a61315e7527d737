// What stands in a PDF that Chromium has printed: its pages, and the text of each in the order in which it is painted.
//
// Chromium's PDFs are plain: objects one after the other, streams deflated, text as numbers of glyphs, and with each font a table that says
// which characters these are (`ToUnicode`; ISO 32000-1, 9.10.3). That is all that is read here.
import { inflateSync } from 'node:zlib'

/** @returns {{ width: number, height: number, text: string }[]} one for each page, in points; text is without white space. */
export function pagesOf(pdf) {
  const bytes = pdf.toString('latin1')
  const objects = new Map()
  for (const { 1: number, 2: body } of bytes.matchAll(/(?:^|\n)(\d+) 0 obj\r?\n([\s\S]*?)\nendobj/g)) objects.set(Number(number), body)
  const of = (reference) => objects.get(Number(reference)) ?? ''
  const order = (number) => {
    const kids = /\/Kids\s*\[([^\]]*)\]/.exec(of(number))
    return kids ? [...kids[1].matchAll(/(\d+) 0 R/g)].flatMap(({ 1: kid }) => order(kid)) : [number]
  }
  const root = /\/Root (\d+) 0 R/.exec(bytes)?.[1]
  const first = /\/Pages (\d+) 0 R/.exec(of(root))?.[1]
  return order(first).map((number) => {
    const page = of(number)
    const [, , width, height] = /\/MediaBox\s*\[\s*(\S+)\s+(\S+)\s+(\S+)\s+([^\s\]]+)/.exec(page).slice(1).map(Number)
    const fonts = new Map()
    for (const { 1: name, 2: font } of page.matchAll(/\/(F\d+) (\d+) 0 R/g)) fonts.set(name, characters(of(font), of))
    const contents = [.../\/Contents\s*(\[[^\]]*\]|\d+ 0 R)/.exec(page)[1].matchAll(/(\d+) 0 R/g)]
    return {
      width,
      height,
      text: contents
        .map(({ 1: content }) => textOf(stream(of(content)), fonts))
        .join('')
        .replace(/\s+/g, ''),
    }
  })
}

/** The content of a stream. */
function stream(object) {
  const [, head, body] = /^([\s\S]*?)stream\r?\n([\s\S]*?)\r?\n?endstream/.exec(object) ?? []
  if (body === undefined) return ''
  const raw = Buffer.from(body, 'latin1')
  return (head.includes('/FlateDecode') ? inflateSync(raw) : raw).toString('latin1')
}

const utf16 = (hex) => String.fromCharCode(...(hex.match(/.{1,4}/g) ?? []).map((unit) => Number.parseInt(unit, 16)))

/** What the numbers of a font mean, and how many bytes each has. */
function characters(font, of) {
  const map = new Map()
  const table = stream(of(/\/ToUnicode (\d+) 0 R/.exec(font)?.[1]))
  for (const { 1: part } of table.matchAll(/beginbfchar([\s\S]*?)endbfchar/g)) {
    for (const { 1: glyph, 2: to } of part.matchAll(/<(\w+)>\s*<(\w+)>/g)) map.set(Number.parseInt(glyph, 16), utf16(to))
  }
  for (const { 1: part } of table.matchAll(/beginbfrange([\s\S]*?)endbfrange/g)) {
    for (const { 1: from, 2: to, 3: begin } of part.matchAll(/<(\w+)>\s*<(\w+)>\s*<(\w+)>/g)) {
      const [low, high, start] = [from, to, begin].map((hex) => Number.parseInt(hex, 16))
      for (let glyph = low; glyph <= high; glyph += 1) map.set(glyph, String.fromCodePoint(start + glyph - low))
    }
  }
  return { map, bytes: font.includes('/Type0') ? 2 : 1 }
}

/** The text of what is painted. */
function textOf(content, fonts) {
  let font
  let text = ''
  for (const [token, name, hex] of content.matchAll(/\/(F\d+) \S+ Tf|<([0-9A-Fa-f\s]+)>|\((?:[^\\()]|\\[\s\S])*\)/g)) {
    if (name) {
      font = fonts.get(name)
      continue
    }
    const codes = hex !== undefined ? Buffer.from(hex.replace(/\s/g, ''), 'hex') : literal(token.slice(1, -1))
    const size = font?.bytes ?? 1
    for (let at = 0; at + size <= codes.length; at += size) text += font?.map.get(codes.readUIntBE(at, size)) ?? ''
  }
  return text
}

const ESCAPES = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f' }

/** `(a\051)` without its parentheses. */
const literal = (text) =>
  Buffer.from(
    text.replace(/\\(\d{1,3}|[\s\S])/g, (_, one) =>
      /^\d/.test(one) ? String.fromCharCode(Number.parseInt(one, 8)) : (ESCAPES[one] ?? one),
    ),
    'latin1',
  )
