/**
 * A refusal is an answer: what the server said no with (RFC 9457 problem+json), or what the device saw instead of an
 * answer. Pages show `detail` and turn `next_steps` into buttons; they never show a status number. What the rush tells is
 * small and names no steps: those of its code are in problems.json, written from the server's vocabulary.
 */

import problems from './problems.json'

export interface NextStep {
  action: string
  label: string
}

export interface FieldError {
  field: string
  message: string
}

export interface Refusal {
  /** Stable code of the server, or `offline`, `timeout`, `unreadable` made on this device. */
  code: string
  /** HTTP status; 0 where no answer came. */
  status: number
  title: string
  detail: string
  /** Instant (epoch ms, server time) from which asking again may help. */
  retryAtMs: number | null
  nextSteps: NextStep[]
  errors: FieldError[]
}

export type Answer<T> = { ok: true; data: T } | { ok: false; refusal: Refusal }

const RETRY: NextStep = { action: 'retry', label: '重试' }

const bare = (code: string, status: number, title: string, detail: string): Refusal => ({
  code,
  status,
  title,
  detail,
  retryAtMs: null,
  nextSteps: [RETRY],
  errors: [],
})

export const offline = (): Refusal =>
  bare('offline', 0, '没有连上网络', '请检查手机网络后重试。您填写的内容都还在，重试不会重复提交。')

export const timeout = (): Refusal =>
  bare('timeout', 0, '等待超时', '服务器暂时没有回应，结果还不确定。请直接重试，不会重复提交。')

export const unsolvable = (): Refusal =>
  bare(
    'unsolvable',
    0,
    '安全验证没有完成',
    '这个浏览器没能完成安全验证。请检查网络后重试；还不行就换一个较新的浏览器，用 https 开头的网址打开，或到门诊现场办理。',
  )
const unreadable = (status: number): Refusal =>
  bare('unreadable', status, '系统异常', '系统暂时没有给出可用的答复，请稍后重试。')

/** Whether a refusal is about the challenge: another can be solved at once. */
export const isAboutChallenge = (code: string): boolean => code.startsWith('challenge_')

const ABOUT_THE_PASS = new Set(['pass_missing', 'pass_invalid', 'pass_expired'])

/** Whether a refusal is about the eligibility pass, which can be had anew; the login is good then. */
export const isAboutPass = (code: string): boolean => ABOUT_THE_PASS.has(code)

/**
 * Whether a change refused so may still have happened, or may still happen under the same key. Such an intent keeps its
 * key; any other refusal is final, and the next try is a new intent.
 */
export function isUnsettled(refusal: Refusal): boolean {
  return (
    refusal.status === 0 ||
    refusal.status >= 500 ||
    refusal.status === 429 ||
    refusal.code === 'in_flight' ||
    refusal.code === 'not_logged_in' ||
    refusal.code === 'token_expired' ||
    // said of this try, not of one before it whose answer was lost
    isAboutPass(refusal.code)
  )
}

const STEPS = new Map<string, NextStep[]>(Object.entries(problems))

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null)

function retryAt(body: Record<string, unknown>, retryAfter: string | null, nowMs: number): number | null {
  const told = Date.parse(text(body['retry_at']) ?? '')
  if (!Number.isNaN(told)) return told
  const seconds = retryAfter === null ? NaN : Number(retryAfter)
  return Number.isFinite(seconds) ? nowMs + seconds * 1000 : null
}

/** Read a problem+json body; whatever else came (a proxy's page, nothing) becomes `unreadable`. */
export function readRefusal(body: unknown, status: number, retryAfter: string | null, nowMs: number): Refusal {
  if (!isRecord(body) || text(body['code']) === null) return unreadable(status)
  const code = text(body['code'])!
  const told = Array.isArray(body['next_steps']) ? body['next_steps'] : (STEPS.get(code) ?? [])
  const steps = told.filter(isRecord)
  const errors = Array.isArray(body['errors']) ? body['errors'].filter(isRecord) : []
  return {
    code,
    status,
    title: text(body['title']) ?? '未能完成',
    detail: text(body['detail']) ?? '请稍后重试。',
    retryAtMs: retryAt(body, retryAfter, nowMs),
    nextSteps: steps.flatMap((step) => {
      const action = text(step['action'])
      const label = text(step['label'])
      return action && label ? [{ action, label }] : []
    }),
    errors: errors.flatMap((error) => {
      const message = text(error['message'])
      return message ? [{ field: text(error['field']) ?? '', message }] : []
    }),
  }
}
