import { describe, expect, it } from 'vitest'

import { daySummary, windowCell } from '../windows'

const NOW = Date.parse('2026-11-24T07:30:00+08:00')
const facts = (state: Parameters<typeof windowCell>[0]['state'], free = 12, from = '2026-11-20T08:00:00+08:00') => ({
  state,
  free,
  bookable_from: from,
})

describe('a window cell', () => {
  it.each([
    ['open', facts('open'), 50, '可约', '余 12', true],
    ['fewer doses than places', facts('open'), 3, '可约', '余 3', true],
    ['places without a dose', facts('open'), 0, '约满', '', false],
    ['full', facts('full', 0), 50, '约满', '', false],
    ['opens today', facts('not_yet', 9, '2026-11-24T08:00:00+08:00'), 50, '未放号', '08:00 开放', false],
    ['opens another day', facts('not_yet', 9, '2026-11-25T08:00:00+08:00'), 50, '未放号', '11月25日 08:00 开放', false],
    ['has opened since the answer', facts('not_yet', 9, '2026-11-24T07:30:00+08:00'), 50, '可约', '余 9', true],
    ['ended', facts('ended'), 50, '已截止', '', false],
    ['closed', facts('closed'), 50, '暂停', '', false],
  ])('%s', (_, window, doses, word, note, bookable) => {
    expect(windowCell(window, doses, NOW)).toMatchObject({ word, note, bookable })
  })
})

describe('a day', () => {
  it.each([
    [[], 'none', '无门诊'],
    [['ended', 'full', 'open'], 'open', '有号'],
    [['ended', 'full'], 'full', '约满'],
    [['not_yet', 'not_yet'], 'not_yet', '未放号'],
    [['ended'], 'ended', '已截止'],
  ] as const)('%j is %s', (states, state, word) => {
    expect(daySummary(states)).toEqual({ state, word })
  })
})
