/** Words for drafts of the programme. */

export const STATES = { writing: '起草中', submitted: '待审核', published: '已发布', withdrawn: '已撤回' } as const

export const STATUSES: Record<string, string> = {
  OVERDUE: '已逾期',
  DUE: '可以接种',
  NOT_YET_DUE: '未到时间',
  MANUAL_REVIEW: '医生判定',
  COMPLETE: '已完成',
  AGED_OUT: '不再接种',
  NOT_APPLICABLE: '不适用',
  '—': '没有这一系列',
}

export const COUNT_STATES = {
  waiting: '等待开始',
  running: '正在统计',
  done: '统计完成',
  cancelled: '已停止',
  failed: '没有完成',
} as const

/** The line that a mistake names, 0 where it names none. */
export const lineOf = (field: string): number => Number(/^document:(\d+)$/.exec(field)?.[1] ?? 0)

/** Where a line of a text begins and ends, counted from 1. */
export function rangeOf(text: string, line: number): [number, number] {
  const lines = text.split('\n')
  const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0)
  return [start, start + (lines[line - 1]?.length ?? 0)]
}
