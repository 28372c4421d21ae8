/// <reference types="node" />
import { readFileSync } from 'node:fs'

import { describe, expect, it } from 'vitest'

import { hex, Sm3, unhex } from '../draw/sm3'
import { verifyDraw } from '../draw/verify'

const read = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../../tests/vectors/draw/${name}`, import.meta.url)))
const SAMPLE = read('result.jsonl')
const utf8 = new TextEncoder()

describe('SM3', () => {
  const steps = JSON.parse(new TextDecoder().decode(read('steps.json'))) as { sm3: { text: string; digest: string }[] }

  it.each(steps.sm3)('is that of the standard for $text', ({ text, digest }) => {
    expect(hex(new Sm3().update(utf8.encode(text)).digest())).toBe(digest)
  })

  it('does not mind how the bytes come, nor what a copy does', () => {
    const bytes = Uint8Array.from({ length: 300 }, (_, at) => at % 251)
    for (const cut of [0, 1, 55, 56, 63, 64, 65, 128, 300]) {
      const begun = new Sm3().update(bytes.subarray(0, cut))
      const copy = begun.clone().update(utf8.encode('something else'))
      const whole = hex(new Sm3().update(bytes).digest())
      expect(hex(begun.update(bytes.subarray(cut)).digest())).toBe(whole)
      expect(hex(copy.digest())).not.toBe(whole)
    }
  })

  it('reads hex as it writes it', () => {
    expect(hex(unhex('00ff10'))).toBe('00ff10')
  })
})

describe('the sample', () => {
  it('holds, and shows where a ticket came in', async () => {
    const seen: number[] = []
    const verdict = await verifyDraw(SAMPLE, (done) => void seen.push(done))
    expect(verdict.findings).toEqual([])
    expect(verdict.sound).toBe(true)
    expect(verdict.header?.tickets).toBe(24)
    expect(seen).toEqual([0])
    const rows = new TextDecoder().decode(SAMPLE).trim().split('\n').slice(1)
    const [position, tier, ticket, key] = JSON.parse(rows[4]!) as [number, number, string, string]
    expect(verdict.place(ticket)).toMatchObject({ position, tier, of: 24, tierFirst: 4, tierLast: 24 })
    expect(verdict.place(ticket)?.key.startsWith(key)).toBe(true)
    expect(verdict.place('NOBODY')).toBeNull()
  })

  it('does not hold against another commitment', async () => {
    const { header } = await verifyDraw(SAMPLE)
    expect((await verifyDraw(SAMPLE, undefined, header!.commitment)).sound).toBe(true)
    expect((await verifyDraw(SAMPLE, undefined, 'a'.repeat(64))).findings).toMatchObject([{ line: 1, field: 'commitment' }])
  })

  it('names the line of every byte that is changed', async () => {
    let line = 1
    for (let at = 0; at < SAMPLE.length; at++) {
      for (const other of [SAMPLE[at]! ^ 1, at % 2 ? 0x0a : 0x39]) {
        if (other === SAMPLE[at]) continue
        const changed = SAMPLE.slice()
        changed[at] = other
        const verdict = await verifyDraw(changed)
        expect(verdict.sound, `byte ${at} as ${other}`).toBe(false)
        expect(verdict.findings[0]!.line, `byte ${at} as ${other}`).toBe(line)
      }
      if (SAMPLE[at] === 0x0a) line += 1
    }
  }, 120_000)

  it('names the field of every letter of the header that is changed', async () => {
    const text = new TextDecoder().decode(SAMPLE)
    const head = text.slice(0, text.indexOf('\n'))
    const fields = JSON.parse(head) as Record<string, unknown>
    for (const [name, value] of Object.entries(fields)) {
      if (typeof value !== 'string') continue
      const from = head.indexOf(`"${name}":"`) + name.length + 4
      for (let at = from; at < from + value.length; at++) {
        const other = head[at] === '0' ? '1' : '0'
        const { findings } = await verifyDraw(utf8.encode(text.slice(0, at) + other + text.slice(at + 1)))
        expect(findings[0]!.field, `${name}, letter ${at - from}`).toContain(name)
        expect(findings).toHaveLength(1)
      }
    }
  })

  it.each<[string, (rows: string[]) => string[], number, string]>([
    ['a row taken out', (rows) => rows.toSpliced(6, 1), 7, ''],
    ['the last row taken out', (rows) => rows.slice(0, -1), 25, ''],
    ['a row twice', (rows) => rows.toSpliced(6, 0, rows[5]!), 7, 'ticket'],
    ['two rows swapped', (rows) => rows.map((row, at) => (at === 6 ? rows[7]! : at === 7 ? rows[6]! : row)), 7, 'position'],
    ['another tier', (rows) => rows.map((row, at) => (at === 6 ? row.replace(',2,', ',1,') : row)), 7, 'tier'],
    ['another key', (rows) => rows.map((row, at) => (at === 6 ? row.slice(0, -18) + `${'0'.repeat(16)}"]` : row)), 7, 'key'],
  ])('names the line of %s', async (_, change, line, field) => {
    const rows = new TextDecoder().decode(SAMPLE).trimEnd().split('\n')
    const verdict = await verifyDraw(utf8.encode(`${change(rows).join('\n')}\n`))
    expect(verdict.findings[0]).toMatchObject({ line, field })
  })

  it('names places where two tickets were swapped and renumbered', async () => {
    const rows = new TextDecoder().decode(SAMPLE).trimEnd().split('\n')
    const [, one] = /^\[\d+,(.*)\]$/.exec(rows[6]!)!
    const [, other] = /^\[\d+,(.*)\]$/.exec(rows[7]!)!
    const swapped = rows.with(6, `[6,${other}]`).with(7, `[7,${one}]`)
    const verdict = await verifyDraw(utf8.encode(`${swapped.join('\n')}\n`))
    expect(verdict.findings).toMatchObject([{ line: 8, field: 'order' }])
  })
})
