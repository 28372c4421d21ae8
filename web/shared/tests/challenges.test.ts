import { describe, expect, it } from 'vitest'

import { Challenges, encodeSolution, type Challenge, type Phase } from '../api/challenges'
import { deviceId } from '../api/device'
import { readRefusal, type Answer } from '../api/refusal'

const challenge = (n: number): Challenge => ({
  parameters: {
    algorithm: 'PBKDF2/SHA-256', nonce: `${n}`, salt: '00', cost: 1, keyLength: 32, keyPrefix: '00', expiresAt: 1,
    data: { purpose: 'send_code' },
  },
  signature: 'ff',
})
const refused = <T>(code: string): Answer<T> => ({
  ok: false,
  refusal: readRefusal({ code, title: '', detail: '' }, 403, null, 0),
})
const said = <T>(answer: Answer<T>) => (answer.ok ? answer.data : answer.refusal.code)

function stage(solve: (n: number) => string | null = (n) => `solution-${n}`) {
  let issued = 0
  const phases: Phase[] = []
  const challenges = new Challenges(
    async () => ({ ok: true, data: challenge(++issued) }),
    async ({ parameters }) => solve(Number(parameters.nonce)),
  )
  const shown: (string | undefined)[] = []
  const send = (first: 'solve' | 'ask', answers: Answer<string>[]) =>
    challenges.send('send_code', first, async (solution) => {
      shown.push(solution)
      return answers.shift()!
    }, (phase) => phases.push(phase))
  return { send, shown, phases }
}

describe('a change that takes work', () => {
  it('is sent with a solution, and says what it is at', async () => {
    const { send, shown, phases } = stage()
    expect(said(await send('solve', [{ ok: true, data: 'sent' }]))).toBe('sent')
    expect(shown).toEqual(['solution-1'])
    expect(phases).toEqual(['verifying', 'sending'])
  })

  it('is sent without one where the server does not ask', async () => {
    const { send, shown, phases } = stage()
    expect(said(await send('ask', [{ ok: true, data: 'in' }]))).toBe('in')
    expect(shown).toEqual([undefined])
    expect(phases).toEqual(['sending'])
  })

  it.each(['challenge_needed', 'challenge_expired', 'challenge_used'])('solves one more after %s, once', async (code) => {
    const { send, shown } = stage()
    expect(said(await send('solve', [refused(code), refused(code)]))).toBe(code)
    expect(shown).toEqual(['solution-1', 'solution-2'])
  })

  it('does not repeat what was refused for another reason', async () => {
    const { send, shown } = stage()
    expect(said(await send('solve', [refused('too_many_codes')]))).toBe('too_many_codes')
    expect(shown).toEqual(['solution-1'])
  })

  it('is not sent where the device cannot do the work, and says what to do', async () => {
    for (const solve of [() => null, () => { throw new Error('no worker') }]) {
      const { send, shown } = stage(solve)
      const told = await send('solve', [])
      expect(said(told)).toBe('unsolvable')
      expect(!told.ok && told.refusal.nextSteps.length).toBeGreaterThan(0)
      expect(shown).toEqual([])
    }
  })
})

describe('what is sent back', () => {
  it('is the challenge as it came, and the counter', () => {
    const text = atob(encodeSolution(challenge(1), { counter: 7, derivedKey: '00aa' }))
    expect(JSON.parse(text)).toEqual({ challenge: challenge(1), solution: { counter: 7, derivedKey: '00aa' } })
  })
})

describe('the name of a device', () => {
  const memory = (kept: Record<string, string> = {}) => ({
    kept,
    getItem: (name: string) => kept[name] ?? null,
    setItem: (name: string, value: string) => void (kept[name] = value),
    removeItem: (name: string) => void delete kept[name],
  })

  it('is made once and kept', () => {
    const store = memory()
    expect(deviceId(store)).toBe(deviceId(store))
    expect(deviceId(store)).toMatch(/^[A-Za-z0-9_-]{16,64}$/)
    expect(deviceId(memory())).not.toBe(deviceId(store))
  })

  it('is made anew where what is kept is no name', () => {
    expect(deviceId(memory({ 'humiao.device': 'x y' }), () => 'a-name-that-is-made')).toBe('a-name-that-is-made')
  })

  it('is made where nothing can be stored', () => {
    const closed = () => { throw new Error('denied') }
    const store = { getItem: closed, setItem: closed, removeItem: closed }
    expect(deviceId(store, () => 'a-name-that-is-made')).toBe('a-name-that-is-made')
  })
})
