/**
 * The one client for token, language, time-outs and errors.
 *
 * Every call ends as an `Answer`: data, or a `Refusal` with what to do next. A 401 of the login refreshes it once, by
 * one request for all tabs, and sends the call again with the same Idempotency-Key. Nothing here retries a change by
 * itself: the person decides, and the key makes it safe.
 */
import createClient from 'openapi-fetch'

import type { ServerClock } from './clock'
import type { Login } from './login'
import { isAboutPass, offline, readRefusal, timeout, type Answer } from './refusal'
import type { paths } from './schema'

const READ_TIMEOUT_MS = 10_000
const CHANGE_TIMEOUT_MS = 20_000
const REFRESH_PATH = '/api/v1/auth/refresh'

class TimedOut extends Error {}

/** What the client needs of a LoginStore, of residents or of staff. */
interface Logins {
  current(): Login | null
  set(login: Login): void
  clear(): void
}

export interface ApiParts {
  /** Origin and prefix of the API; empty for the page's own origin. */
  baseUrl: string
  logins: Logins
  clock: ServerClock
  fetch?: typeof fetch
}

/** Fetch with a time limit in milliseconds, which the caller's own signal can undercut. */
async function fetchWithin(send: typeof fetch, request: Request, limitMs: number): Promise<Response> {
  const limit = new AbortController()
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    limit.abort()
  }, limitMs)
  const pass = () => limit.abort()
  if (request.signal.aborted) pass()
  request.signal.addEventListener('abort', pass)
  try {
    return await send(request, { signal: limit.signal })
  } catch (error) {
    throw timedOut ? new TimedOut() : error
  } finally {
    clearTimeout(timer)
    request.signal.removeEventListener('abort', pass)
  }
}

/** Whether an answer refuses the eligibility pass, and not the login. */
async function refusesPass(response: Response): Promise<boolean> {
  try {
    const { code } = (await response.clone().json()) as { code?: unknown }
    return typeof code === 'string' && isAboutPass(code)
  } catch {
    return false
  }
}

export function createApi({ baseUrl, logins, clock, fetch: send = (...args) => fetch(...args) }: ApiParts) {
  async function once(request: Request): Promise<Response> {
    const sentAt = Date.now()
    const response = await fetchWithin(send, request, request.method === 'GET' ? READ_TIMEOUT_MS : CHANGE_TIMEOUT_MS)
    clock.learn(response.headers.get('Date'), sentAt, Date.now())
    return response
  }

  function dress(request: Request): Request {
    const dressed = request.clone()
    dressed.headers.set('Accept-Language', 'zh-CN')
    const login = logins.current()
    if (login) dressed.headers.set('Authorization', `Bearer ${login.accessToken}`)
    return dressed
  }

  /** True when a newer access token is at hand. `stale` is the one that was refused. */
  async function renew(stale: string): Promise<boolean> {
    const now = logins.current()
    if (!now) return false
    if (now.accessToken !== stale) return true
    if (now.refreshToken === '') {
      logins.clear()
      return false
    }
    const response = await once(
      new Request(new URL(baseUrl + REFRESH_PATH, globalThis.location?.href), {
        method: 'POST',
        headers: {
          'Content-Type': 'application/json',
          'Accept-Language': 'zh-CN',
        },
        body: JSON.stringify({ refresh_token: now.refreshToken }),
      }),
    )
    if (response.status === 429 || response.status >= 500) throw new TypeError('the refresh was not answered')
    if (!response.ok) {
      logins.clear()
      return false
    }
    const body = (await response.json()) as { access_token: string; refresh_token: string }
    logins.set({ ...now, accessToken: body.access_token, refreshToken: body.refresh_token })
    return true
  }

  let renewing: Promise<boolean> | null = null
  function renewOnce(stale: string): Promise<boolean> {
    const locks = globalThis.navigator?.locks
    // a refresh token is good for one use: two tabs must not both spend it
    const task = () => renew(stale)
    const turn: () => Promise<boolean> = locks ? async () => await locks.request('humiao.refresh', task) : task
    renewing ??= turn().finally(() => {
      renewing = null
    })
    return renewing
  }

  async function guarded(request: Request): Promise<Response> {
    const login = logins.current()
    const response = await once(dress(request))
    if (response.status !== 401 || !login || new URL(request.url).pathname.includes('/auth/')) return response
    if (await refusesPass(response)) return response
    return (await renewOnce(login.accessToken)) ? once(dress(request)) : response
  }

  return createClient<paths>({ baseUrl, fetch: guarded })
}

export type Api = ReturnType<typeof createApi>

/** Turn a call of the client into an Answer. An abort by the caller itself stays an exception. */
export async function answer<T>(
  call: Promise<{ data?: T; error?: unknown; response: Response }>,
  clock: ServerClock,
): Promise<Answer<T>> {
  try {
    const { data, error, response } = await call
    if (response.ok) return { ok: true, data: data as T }
    return { ok: false, refusal: readRefusal(error, response.status, response.headers.get('Retry-After'), clock.now()) }
  } catch (error) {
    if (error instanceof TimedOut) return { ok: false, refusal: timeout() }
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    if (error instanceof SyntaxError) return { ok: false, refusal: readRefusal(null, 502, null, clock.now()) }
    return { ok: false, refusal: offline() }
  }
}
