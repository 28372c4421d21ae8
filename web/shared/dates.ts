/**
 * Dates and times as people of the city read them.
 *
 * Every function shows Asia/Shanghai time, whatever zone the device is set to: somebody who books from abroad must
 * still arrive at the clinic's hour. The city has kept UTC+8 without daylight saving since 1991, so the shift is a
 * constant and works on phones whose browser has no time zone data.
 */

const CITY_SHIFT_MS = 8 * 3_600_000
const DAY_MS = 86_400_000
const WEEKDAYS = ['周日', '周一', '周二', '周三', '周四', '周五', '周六'] as const

type Moment = Date | string | number

/** A Date whose UTC fields read as the city's wall clock. */
function cityClock(moment: Moment): Date {
  const instant = new Date(moment).getTime()
  if (Number.isNaN(instant)) throw new RangeError(`not an instant: ${String(moment)}`)
  return new Date(instant + CITY_SHIFT_MS)
}

const two = (n: number): string => String(n).padStart(2, '0')

/** `2026-11-24`: the city's calendar day of an instant. */
export function cityDay(moment: Moment): string {
  const c = cityClock(moment)
  return `${c.getUTCFullYear()}-${two(c.getUTCMonth() + 1)}-${two(c.getUTCDate())}`
}

/** The day `days` after an ISO day. */
export function addDays(day: string, days: number): string {
  return new Date(dayStart(day) + days * DAY_MS).toISOString().slice(0, 10)
}

/** Whole days from one ISO day to another; negative when `to` lies before. */
export function daysBetween(from: string, to: string): number {
  return Math.round((dayStart(to) - dayStart(from)) / DAY_MS)
}

function dayStart(day: string): number {
  const start = Date.parse(`${day}T00:00:00Z`)
  if (Number.isNaN(start)) throw new RangeError(`not a day: ${day}`)
  return start
}

/** `周二` of an ISO day. */
export function weekday(day: string): string {
  return WEEKDAYS[new Date(dayStart(day)).getUTCDay()]!
}

/** `2026年11月24日 周二` of an ISO day. */
export function longDay(day: string): string {
  const [year, month, date] = day.split('-').map(Number)
  return `${year}年${month}月${date}日 ${weekday(day)}`
}

/** `11月24日` of an ISO day. */
export function shortDay(day: string): string {
  const [, month, date] = day.split('-').map(Number)
  return `${month}月${date}日`
}

/** `今天`, `明天`, `后天`, else the weekday. */
export function nearDay(day: string, today: string): string {
  return ['今天', '明天', '后天'][daysBetween(today, day)] ?? weekday(day)
}

/** `08:30`, 24-hour. */
export function clockTime(moment: Moment): string {
  const c = cityClock(moment)
  return `${two(c.getUTCHours())}:${two(c.getUTCMinutes())}`
}

/** `08:00–08:30`. */
export function timeSpan(startsAt: Moment, endsAt: Moment): string {
  return `${clockTime(startsAt)}–${clockTime(endsAt)}`
}

/** `2026年11月24日 周二 08:00–08:30`. */
export function longSpan(startsAt: Moment, endsAt: Moment): string {
  return `${longDay(cityDay(startsAt))} ${timeSpan(startsAt, endsAt)}`
}

/** When something opens: `08:00` when that is today, else `11月25日 08:00`. */
export function momentFrom(moment: Moment, now: Moment): string {
  const day = cityDay(moment)
  return day === cityDay(now) ? clockTime(moment) : `${shortDay(day)} ${clockTime(moment)}`
}

/** `09:58`: what is left, in minutes and seconds, rounded up so that 00:00 means over. Never negative. */
export function timeLeft(leftMs: number): string {
  const seconds = Math.max(0, Math.ceil(leftMs / 1000))
  return `${two(Math.floor(seconds / 60))}:${two(seconds % 60)}`
}

/** What is left, for the ear: `9 分 58 秒`, `58 秒`. */
export function timeLeftSpoken(leftMs: number): string {
  const seconds = Math.max(0, Math.ceil(leftMs / 1000))
  const minutes = Math.floor(seconds / 60)
  const rest = seconds % 60
  if (minutes === 0) return `${rest} 秒`
  return rest === 0 ? `${minutes} 分钟` : `${minutes} 分 ${rest} 秒`
}

/** What is left where it may be days: `2 天 3 小时`, `5 小时 20 分`, and below an hour as for the ear. */
export function timeLeftLong(leftMs: number): string {
  const minutes = Math.max(0, Math.ceil(leftMs / 60_000))
  if (minutes < 60) return timeLeftSpoken(leftMs)
  const hours = Math.floor(minutes / 60)
  return hours < 24 ? `${hours} 小时 ${minutes % 60} 分` : `${Math.floor(hours / 24)} 天 ${hours % 24} 小时`
}
