/** Results of school checks, in the order in which a desk looks at them. */

export const STAGES = [
  { value: 'nursery', label: '入托' },
  { value: 'kindergarten', label: '入园' },
  { value: 'primary', label: '入学' },
] as const
export type Stage = (typeof STAGES)[number]['value']

export const RESULTS = [
  { code: 'NEEDS_CATCH_UP', count: 'needs_catch_up', label: '需补种' },
  { code: 'NO_RECORD', count: 'no_record', label: '无档案' },
  { code: 'NAME_DIFFERS', count: 'name_differs', label: '姓名不符' },
  { code: 'EXEMPT', count: 'exempt', label: '医学原因' },
  { code: 'CATCH_UP_COMPLETED', count: 'catch_up_completed', label: '已补种' },
  { code: 'PASSED', count: 'passed', label: '通过' },
] as const
export type ResultCode = (typeof RESULTS)[number]['code']

/** Series that a check asks for, as a clinic documents exemptions from them. */
export const SERIES = [
  { value: 'HepB', label: '乙肝疫苗' },
  { value: 'BCG', label: '卡介苗' },
  { value: 'PV', label: '脊灰疫苗' },
  { value: 'DTP', label: '百白破疫苗' },
  { value: 'MCV', label: '含麻疹成分疫苗' },
  { value: 'JE', label: '乙脑疫苗' },
  { value: 'MenA', label: 'A群流脑疫苗' },
  { value: 'MenAC', label: 'A群C群流脑疫苗' },
  { value: 'HepA', label: '甲肝疫苗' },
  { value: 'VAR', label: '水痘疫苗' },
] as const
export type Series = (typeof SERIES)[number]['value']
