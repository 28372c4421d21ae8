/**
 * The state of a window as a resident sees it: a closed set, told in words and only then in colour.
 *
 * `open` 可约, `full` 约满, `not_yet` 未放号 (with the instant it opens), `ended` 已截止, `closed` 暂停.
 */
import { momentFrom } from './dates'

export const WINDOW_STATES = ['open', 'full', 'not_yet', 'ended', 'closed'] as const
export type WindowState = (typeof WINDOW_STATES)[number]

export interface WindowCell {
  state: WindowState
  /** The state's word, `可约`. */
  word: string
  /** What else to know: `余 12`, `11月25日 08:00 开放`; empty where there is nothing. */
  note: string
  /** Whether it can be chosen. */
  bookable: boolean
}

interface WindowFacts {
  state: WindowState
  free: number
  bookable_from: string | null
}

const WORDS: Record<WindowState, string> = {
  open: '可约',
  full: '约满',
  not_yet: '未放号',
  ended: '已截止',
  closed: '暂停',
}

/**
 * Tell one window. `dosesFree` is what the session still has of the wanted vaccine: a place without a dose is no place.
 * The opening instant is judged by `nowMs` (server time), so a page left open turns bookable by itself.
 */
export function windowCell(window: WindowFacts, dosesFree: number, nowMs: number): WindowCell {
  let state = window.state
  const opensAt = window.bookable_from
  if (state === 'not_yet' && opensAt !== null && Date.parse(opensAt) <= nowMs) state = 'open'
  const free = Math.min(window.free, dosesFree)
  if (state === 'open' && free <= 0) state = 'full'
  const note =
    state === 'open' ? `余 ${free}` : state === 'not_yet' && opensAt !== null ? `${momentFrom(opensAt, nowMs)} 开放` : ''
  return { state, word: WORDS[state], note, bookable: state === 'open' }
}

/** One word for a whole day, from the states of its windows; an empty day has no session. */
export function daySummary(states: readonly WindowState[]): { state: WindowState | 'none'; word: string } {
  if (states.length === 0) return { state: 'none', word: '无门诊' }
  for (const state of ['open', 'not_yet', 'full', 'closed', 'ended'] as const) {
    if (states.includes(state)) return { state, word: state === 'open' ? '有号' : WORDS[state] }
  }
  return { state: 'ended', word: WORDS.ended }
}
