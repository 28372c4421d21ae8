/** Words for campaigns and entries. */
import type { Campaign, Entry } from '@humiao/shared/api/types'
import { clockTime, cityDay, shortDay } from '@humiao/shared/dates'

const PHASES: Record<Campaign['phase'], string> = {
  draft: '未发布',
  announced: '即将开始',
  open: '登记中',
  closed: '登记已截止',
  drawn: '已摇号',
  ended: '已结束',
}

export const phaseWord = (campaign: Campaign): string => PHASES[campaign.phase]

export const modeWord = (mode: Campaign['mode']): string => (mode === 'queue' ? '按档次和登记先后排队' : '按档次和公开摇号')

/** `11月24日 08:30`. */
export const moment = (at: string): string => `${shortDay(cityDay(at))} ${clockTime(at)}`

export function periodWords(campaign: Campaign): string {
  return `${moment(campaign.opens_at)} 至 ${moment(campaign.closes_at)}`
}

/** How a state is coloured; the words are beside it. */
export const tagOf = (state: Entry['state']): string =>
  ({ offered: 'claim-held', accepted: 'claim-confirmed', done: 'claim-confirmed' })[state as string] ?? ''

/** `9 至 45 岁，女性`: who may register, as far as the terms say; null where they ask nothing. */
export function groupWords(group: Campaign['eligible']): string | null {
  const years = (months: number) => (months % 12 === 0 ? `${months / 12} 岁` : `${months} 月龄`)
  const parts: string[] = []
  if (group.from_months != null) parts.push(`满 ${years(group.from_months)}`)
  if (group.below_months != null) parts.push(`未满 ${years(group.below_months)}`)
  if (group.sex != null) parts.push(group.sex === 'F' ? '女性' : '男性')
  if (group.from_doses != null) parts.push(`已接种过 ${group.from_doses} 剂以上`)
  if (group.most_doses != null) parts.push(group.most_doses === 0 ? '未接种过' : `至多接种过 ${group.most_doses} 剂`)
  if (group.districts != null) parts.push('在指定区居住或工作')
  if (group.waited_before) parts.push('以前登记过而没有轮到')
  return parts.length > 0 ? parts.join('，') : null
}
