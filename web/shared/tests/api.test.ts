import { describe, expect, it } from 'vitest'

import { answer, createApi } from '../api/client'
import { ServerClock } from '../api/clock'
import { IntentKeys } from '../api/intents'
import { LoginStore } from '../api/login'
import { isUnsettled, readRefusal } from '../api/refusal'

function memory(): Storage {
  const map = new Map<string, string>()
  return {
    getItem: (name: string) => map.get(name) ?? null,
    setItem: (name: string, value: string) => void map.set(name, value),
    removeItem: (name: string) => void map.delete(name),
  } as Storage
}

const json = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json', ...headers } })

function apiWith(replies: ((request: Request) => Response | Promise<Response>)[]) {
  const logins = new LoginStore(memory())
  logins.set({ accessToken: 'old', refreshToken: 'r1', phoneMasked: '138****5678' })
  const clock = new ServerClock()
  const seen: Request[] = []
  const send = (async (request: Request) => {
    seen.push(request.clone())
    const reply = replies.shift()
    if (!reply) throw new Error('no more replies')
    return reply(request)
  }) as typeof fetch
  return { api: createApi({ baseUrl: 'http://clinic.test', logins, clock, fetch: send }), logins, clock, seen }
}

const HOLD = { person_id: 'p', window_id: 1, stock_id: 2 }
const hold = (api: ReturnType<typeof createApi>, key = 'key-of-intent') =>
  api.POST('/api/v1/resident/holds', { params: { header: { 'Idempotency-Key': key, 'Eligibility-Pass': 'a.b.c' } }, body: HOLD })

describe('the client', () => {
  it('refreshes once on 401 and sends the same change with the same key', async () => {
    const { api, clock, logins, seen } = apiWith([
      () => json(401, { code: 'token_expired', title: '', detail: '' }),
      () => json(200, { access_token: 'new', refresh_token: 'r2' }),
      () => json(201, { hold_id: 'h' }),
    ])
    const told = await answer(hold(api), clock)
    expect(told.ok).toBe(true)
    expect(seen.map((r) => r.headers.get('Authorization'))).toEqual(['Bearer old', null, 'Bearer new'])
    expect([seen[0]!, seen[2]!].map((r) => r.headers.get('Idempotency-Key'))).toEqual(['key-of-intent', 'key-of-intent'])
    expect(await seen[2]!.json()).toEqual(HOLD)
    expect(seen[2]!.headers.get('Accept-Language')).toBe('zh-CN')
    expect(logins.current()?.refreshToken).toBe('r2')
  })

  it('asks for a login when the refresh is refused', async () => {
    const { api, clock, logins } = apiWith([
      () => json(401, { code: 'token_expired', title: '登录已过期', detail: '请重新登录。' }),
      () => json(401, { code: 'not_logged_in', title: '', detail: '' }),
    ])
    const told = await answer(hold(api), clock)
    expect(told).toMatchObject({ ok: false, refusal: { code: 'token_expired' } })
    expect(logins.current()).toBeNull()
  })

  it('leaves the login alone when the pass is refused', async () => {
    const { api, clock, logins, seen } = apiWith([() => json(401, { code: 'pass_expired', title: '', detail: '' })])
    expect(await answer(hold(api), clock)).toMatchObject({ ok: false, refusal: { code: 'pass_expired' } })
    expect(seen.map((r) => r.headers.get('Eligibility-Pass'))).toEqual(['a.b.c'])
    expect(logins.current()?.accessToken).toBe('old')
  })

  it('keeps the login when the refresh is only unreachable', async () => {
    const { api, clock, logins } = apiWith([
      () => json(401, { code: 'token_expired', title: '', detail: '' }),
      () => Promise.reject(new TypeError('Failed to fetch')),
    ])
    expect(await answer(hold(api), clock)).toMatchObject({ ok: false, refusal: { code: 'offline' } })
    expect(logins.current()).not.toBeNull()
  })

  it('tells a dead network from a refusal', async () => {
    const { api, clock } = apiWith([() => Promise.reject(new TypeError('Failed to fetch'))])
    const told = await answer(hold(api), clock)
    expect(told).toMatchObject({ ok: false, refusal: { code: 'offline', nextSteps: [{ action: 'retry' }] } })
  })
})

describe('a refusal', () => {
  it('carries what to do next and when', () => {
    const told = readRefusal(
      {
        code: 'not_yet_bookable',
        title: '尚未放号',
        detail: '…',
        retry_at: '2026-11-25T08:00:00+08:00',
        next_steps: [{ action: 'retry', label: '稍后重试' }, { action: 5 }],
      },
      409,
      null,
      0,
    )
    expect(told.retryAtMs).toBe(Date.parse('2026-11-25T00:00:00Z'))
    expect(told.nextSteps).toEqual([{ action: 'retry', label: '稍后重试' }])
  })

  it('that names no steps has those of its code', () => {
    const steps = (code: string) => readRefusal({ code }, 409, null, 0).nextSteps.map((step) => step.action)
    expect(steps('window_full')).toEqual(['choose_window', 'choose_clinic'])
    expect(steps('pass_expired')).toEqual(['renew_pass'])
    expect(steps('toString')).toEqual([])
    expect(readRefusal({ code: 'window_full', next_steps: [] }, 409, null, 0).nextSteps).toEqual([])
  })

  it('reads Retry-After in seconds', () => {
    expect(readRefusal({ code: 'busy' }, 503, '2', 1_000).retryAtMs).toBe(3_000)
  })

  it.each([['a proxy page', '<html>'], ['nothing', null], ['no code', { detail: 'x' }]])('survives %s', (_, body) => {
    expect(readRefusal(body, 502, null, 0)).toMatchObject({ code: 'unreadable', nextSteps: [{ action: 'retry' }] })
  })

  it('is final unless the change may still happen', () => {
    const at = (code: string, status: number) => isUnsettled(readRefusal({ code }, status, null, 0))
    expect(at('window_full', 409)).toBe(false)
    expect(at('key_reused', 422)).toBe(false)
    expect(at('in_flight', 409)).toBe(true)
    expect(at('outcome_unknown', 503)).toBe(true)
    expect(at('too_many_requests', 429)).toBe(true)
  })
})

describe('intent keys', () => {
  const counting = () => {
    let n = 0
    return () => `key-${++n}`
  }

  it('live as long as the intent, also over a reload', () => {
    const store = memory()
    const make = counting()
    const first = new IntentKeys(store, make).keyFor('hold', { window_id: 1 })
    const reloaded = new IntentKeys(store, make)
    expect(reloaded.keyFor('hold', { window_id: 1 })).toBe(first)
    expect(reloaded.keyFor('hold', { window_id: 2 })).not.toBe(first)
  })

  it('end when the outcome is known', () => {
    const keys = new IntentKeys(null, counting())
    const first = keys.keyFor('cancel', null)
    keys.settle('cancel')
    expect(keys.keyFor('cancel', null)).not.toBe(first)
  })

  it('have the shape the server wants', () => {
    expect(new IntentKeys().keyFor('hold', 1)).toMatch(/^[A-Za-z0-9_-]{8,64}$/)
  })
})

describe('the server clock', () => {
  it('corrects a device that is an hour slow, to within a second', () => {
    const device = Date.parse('2026-11-24T07:00:00Z')
    const clock = new ServerClock(() => device)
    clock.learn('Tue, 24 Nov 2026 08:00:00 GMT', device - 100, device)
    expect(Math.abs(clock.now() - Date.parse('2026-11-24T08:00:00.5Z'))).toBeLessThanOrEqual(600)
  })

  it('keeps the reading with the shorter round trip, and drops it when the device clock is set', () => {
    let device = 1_000_000_000_000
    const clock = new ServerClock(() => device)
    const header = (ms: number) => new Date(ms).toUTCString()
    clock.learn(header(device), device - 20, device)
    const sharp = clock.now()
    clock.learn(header(device + 1000), device - 4_000, device)
    expect(clock.now()).toBe(sharp)
    device += 3_600_000 // set forward by hand
    clock.learn(header(1_000_000_002_000), device - 50, device)
    expect(Math.abs(clock.now() - 1_000_000_002_500)).toBeLessThan(1_000)
  })

  it('ignores a missing header', () => {
    const clock = new ServerClock(() => 5)
    clock.learn(null, 0, 1)
    expect(clock.now()).toBe(5)
  })
})
