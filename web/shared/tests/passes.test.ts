import { describe, expect, it } from 'vitest'

import { Passes, type IssuedPass } from '../api/passes'
import { isUnsettled, readRefusal, type Answer } from '../api/refusal'

const MINUTE = 60_000
const DAY = '2026-11-24'
const refused = <T>(code: string, status = 401): Answer<T> => ({
  ok: false,
  refusal: readRefusal({ code, title: '', detail: '' }, status, null, 0),
})

function passes(answers: ((n: number) => Answer<IssuedPass>)[] = []) {
  const clock = { now: 0 }
  const asked: string[] = []
  const kept = new Passes(
    async (person, vaccine, day) => {
      asked.push(day === DAY ? `${person} ${vaccine}` : `${person} ${vaccine} ${day}`)
      const n = asked.length
      const told = answers.shift()
      return told ? told(n) : { ok: true, data: { pass: `pass-${n}`, expires_at: new Date(clock.now + 120 * MINUTE).toISOString() } }
    },
    () => clock.now,
  )
  return { kept, asked, clock }
}

const said = <T>(answer: Answer<T>) => (answer.ok ? answer.data : answer.refusal.code)

describe('a pass', () => {
  it('is asked for once and kept until shortly before it ends', async () => {
    const { kept, asked, clock } = passes()
    expect(await Promise.all([kept.of('p', 'IIV4', DAY), kept.of('p', 'IIV4', DAY)]).then((all) => all.map(said))).toEqual(['pass-1', 'pass-1'])
    clock.now += 118 * MINUTE
    expect(said(await kept.of('p', 'IIV4', DAY))).toBe('pass-1')
    clock.now += MINUTE
    expect(said(await kept.of('p', 'IIV4', DAY))).toBe('pass-2')
    expect(asked).toHaveLength(2)
  })

  it('is for one day, on which age and intervals are judged', async () => {
    const { kept, asked } = passes()
    expect(said(await kept.of('p', 'MMR', DAY))).toBe('pass-1')
    expect(said(await kept.of('p', 'MMR', '2026-11-25'))).toBe('pass-2')
    expect(said(await kept.of('p', 'MMR', DAY))).toBe('pass-1')
    expect(asked).toEqual(['p MMR', 'p MMR 2026-11-25'])
  })

  it('is of one person and one vaccine', async () => {
    const { kept, asked } = passes()
    await kept.of('p', 'IIV4', DAY)
    await kept.of('q', 'IIV4', DAY)
    await kept.of('p', 'HPV9', DAY)
    expect(asked).toEqual(['p IIV4', 'q IIV4', 'p HPV9'])
  })

  it('that is refused is asked for again the next time', async () => {
    const { kept } = passes([() => refused('not_eligible', 409)])
    expect(said(await kept.of('p', 'HPV9', DAY))).toBe('not_eligible')
    expect(said(await kept.of('p', 'HPV9', DAY))).toBe('pass-2')
  })

  it('is forgotten when somebody else may be at the device', async () => {
    const { kept } = passes()
    await kept.of('p', 'IIV4', DAY)
    kept.clear()
    expect(said(await kept.of('p', 'IIV4', DAY))).toBe('pass-2')
  })
})

describe('a change with a pass', () => {
  it.each(['pass_invalid', 'pass_expired', 'pass_missing'])('is sent once more with a new one on %s', async (code) => {
    const { kept } = passes()
    const sent: string[] = []
    const told = await kept.send('p', 'IIV4', DAY, async (pass) => {
      sent.push(pass)
      return pass === 'pass-1' ? refused<string>(code) : { ok: true, data: 'held' }
    })
    expect(said(told)).toBe('held')
    expect(sent).toEqual(['pass-1', 'pass-2'])
  })

  it('is not sent a third time', async () => {
    const { kept, asked } = passes()
    let sent = 0
    const told = await kept.send('p', 'IIV4', DAY, async () => (++sent, refused('pass_invalid')))
    expect([said(told), sent, asked.length]).toEqual(['pass_invalid', 2, 2])
  })

  it('is not sent again for any other refusal', async () => {
    const { kept } = passes()
    let sent = 0
    expect(said(await kept.send('p', 'IIV4', DAY, async () => (++sent, refused('window_full', 409))))).toBe('window_full')
    expect(sent).toBe(1)
  })

  it('is not sent where there is no pass', async () => {
    const { kept } = passes([() => refused('not_eligible', 409)])
    const told = await kept.send('p', 'IIV4', DAY, () => Promise.reject(new Error('sent')))
    expect(said(told)).toBe('not_eligible')
  })

  it('may still have happened before its pass was refused, so it keeps its key', () => {
    for (const code of ['pass_invalid', 'pass_expired', 'pass_missing']) {
      expect(isUnsettled(readRefusal({ code }, 401, null, 0))).toBe(true)
    }
    expect(isUnsettled(readRefusal({ code: 'pass_not_valid_here' }, 403, null, 0))).toBe(false)
  })
})
