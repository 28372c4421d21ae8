import { describe, expect, it } from 'vitest'

import { addDays, cityDay, clockTime, daysBetween, longDay, longSpan, momentFrom, nearDay, timeLeft, timeLeftLong, timeLeftSpoken } from '../dates'

describe('the city clock', () => {
  it.each([
    ['2026-11-24T09:00:00+08:00', '2026-11-24', '09:00'],
    ['2026-11-23T16:30:00Z', '2026-11-24', '00:30'], // late evening in London is already tomorrow here
    ['2026-12-31T11:00:00-05:00', '2027-01-01', '00:00'],
  ])('%s is %s %s whatever the device zone', (instant, day, time) => {
    expect(cityDay(instant)).toBe(day)
    expect(clockTime(instant)).toBe(time)
  })

  it('does not hide what is no instant', () => {
    expect(() => cityDay('tomorrow')).toThrow(RangeError)
  })
})

describe('days', () => {
  it('reads as people write', () => {
    expect(longDay('2026-11-24')).toBe('2026年11月24日 周二')
    expect(longSpan('2026-11-24T08:00:00+08:00', '2026-11-24T08:30:00+08:00')).toBe('2026年11月24日 周二 08:00–08:30')
  })

  it('counts over the ends of months and leap years', () => {
    expect(addDays('2028-02-28', 1)).toBe('2028-02-29')
    expect(addDays('2026-12-31', 1)).toBe('2027-01-01')
    expect(daysBetween('2026-11-24', '2026-12-01')).toBe(7)
  })

  it('names the near ones', () => {
    expect(nearDay('2026-11-24', '2026-11-24')).toBe('今天')
    expect(nearDay('2026-11-26', '2026-11-24')).toBe('后天')
    expect(nearDay('2026-11-27', '2026-11-24')).toBe('周五')
    expect(nearDay('2026-11-23', '2026-11-24')).toBe('周一')
  })

  it('tells the day of an opening only when it is another day', () => {
    expect(momentFrom('2026-11-24T08:00:00+08:00', '2026-11-24T07:00:00+08:00')).toBe('08:00')
    expect(momentFrom('2026-11-25T08:00:00+08:00', '2026-11-24T07:00:00+08:00')).toBe('11月25日 08:00')
  })
})

describe('time left', () => {
  it.each([
    [600_000, '10:00', '10 分钟'],
    [598_001, '09:59', '9 分 59 秒'],
    [1, '00:01', '1 秒'],
    [0, '00:00', '0 秒'],
    [-5_000, '00:00', '0 秒'],
  ])('%i ms is %s', (ms, shown, spoken) => {
    expect(timeLeft(ms)).toBe(shown)
    expect(timeLeftSpoken(ms)).toBe(spoken)
  })

  it.each([
    [86_400_000, '1 天 0 小时'],
    [86_340_000, '23 小时 59 分'],
    [3_600_000, '1 小时 0 分'],
    [3_540_000, '59 分钟'],
    [0, '0 秒'],
  ])('%i ms may be as long as %s', (ms, told) => {
    expect(timeLeftLong(ms)).toBe(told)
  })
})
