/**
 * Recomputes a published draw in the browser and says in Chinese what differs. The same findings as
 * `humiao draw verify` (pyapp/humiao/lottery/verify.py); the same sample files in the tests of both.
 */
import { commitment, type Entrant, resultDigest, seed, ticketKeys, ticketsDigest } from './protocol'
import { hex, unhex } from './sm3'

/** One thing that does not fit; `line` counts from 1, `field` is a header's field, a column, or ''. */
export interface Finding {
  line: number
  field: string
  text: string
}

/** Where a ticket came in; within a tier the smaller key comes first. */
export interface Place {
  position: number
  of: number
  tier: number
  tierFirst: number
  tierLast: number
  key: string
}

export interface Verdict {
  sound: boolean
  findings: Finding[]
  /** Findings beyond those that are listed. */
  more: number
  header: Header | null
  /** Where a ticket came in; null where it is not in the list, or the list does not hold. */
  place(ticket: string): Place | null
}

const TEXTS = ['campaign', 'closes_at', 'entropy_rule', 'entropy'] as const
const DIGESTS = ['commitment', 'tickets_digest', 'secret', 'seed', 'result_digest'] as const
const FIELDS = [
  'format', 'version', 'part', 'campaign', 'closes_at', 'entropy_rule', 'commitment', 'tickets', 'tickets_digest',
  'entropy', 'secret', 'seed', 'result_digest',
] as const // prettier-ignore
export type Header = Record<(typeof TEXTS)[number] | (typeof DIGESTS)[number], string> & { tickets: number }

const ROW = /^\[(0|[1-9][0-9]{0,9}),(0|[1-9][0-9]{0,9}),"([0-9A-Za-z-]{1,40})","([0-9a-f]{16})"\]$/
// eslint-disable-next-line no-control-regex
const CONTROL = /[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]/u
const TEXT_MAX = 300
const FINDINGS_MAX = 20
const ROWS_AT_ONCE = 10_000

interface Rows {
  positions: number[]
  list: Entrant[]
  shown: string[]
}

class Findings {
  readonly list: Finding[] = []
  more = 0

  add(line: number, field: string, text: string): void {
    if (this.list.length < FINDINGS_MAX) this.list.push({ line, field, text })
    else this.more += 1
  }
}

/** Lets the page breathe and tells how far the work has come (0 to 1). */
export type Progress = (done: number) => void | Promise<void>

/** Recompute a file. `announced` is the commitment as it was published before registration closed, where it is known. */
export async function verifyDraw(data: Uint8Array, progress: Progress = () => {}, announced = ''): Promise<Verdict> {
  const findings = new Findings()
  let header: Header | null = null
  let rows: Rows | null = null
  let keys: string[] = []
  const lines = readLines(data, findings)
  if (lines) header = readHeader(lines[0] ?? '', findings)
  if (lines && header) {
    if (announced && announced !== header.commitment) {
      findings.add(1, 'commitment', `承诺与您填写的事先公布的承诺不同：${announced}`)
    }
    rows = readRows(lines, findings)
    if (rows) keys = await recompute(header, rows, findings, progress)
  }
  const sound = findings.list.length === 0
  return {
    sound,
    findings: findings.list,
    more: findings.more,
    header,
    place: (ticket) => (rows && keys.length === rows.list.length ? placeOf(ticket, rows.list, keys) : null),
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A line's text; of what is no UTF-8 the empty text, which neither a header nor a row can be. */
function decoded(line: Uint8Array): string {
  try {
    return decoder.decode(line)
  } catch {
    return ''
  }
}

function readLines(data: Uint8Array, findings: Findings): string[] | null {
  const lines: string[] = []
  let from = 0
  for (let at = 0; at < data.length; at++) {
    if (data[at] !== 0x0a) continue
    lines.push(decoded(data.subarray(from, at)))
    from = at + 1
  }
  if (from !== data.length || data.length === 0) {
    findings.add(lines.length + 1, '', '最后一行没有换行符')
    return null
  }
  return lines
}

function readHeader(line: string, findings: Findings): Header | null {
  const refuse = (field: string, text: string): null => {
    findings.add(1, field, text)
    return null
  }
  let found: unknown
  try {
    found = JSON.parse(line)
  } catch {
    found = null
  }
  if (typeof found !== 'object' || found === null || Array.isArray(found)) return refuse('', '文件头不是 JSON 对象')
  const values = found as Record<string, unknown>
  const names = Object.keys(values)
  for (const [at, name] of FIELDS.entries()) {
    if (names[at] !== name) return refuse(name, `缺少字段 ${name} 或顺序不对`)
  }
  const extra = names[FIELDS.length]
  if (extra !== undefined) return refuse(extra, `多出字段 ${extra}`)
  for (const [name, value] of [['format', 'humiao-draw'], ['version', 1], ['part', 'result']] as const) {
    if (values[name] !== value) return refuse(name, `${name} 应为 ${value}`)
  }
  for (const name of FIELDS.slice(3)) {
    if (!wellFormed(name, values[name])) return refuse(name, `${name} 的格式不对`)
  }
  if (JSON.stringify(found) !== line) return refuse('', '文件头的写法不规范')
  return found as Header
}

function wellFormed(name: string, value: unknown): boolean {
  if (name === 'tickets') return Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 32
  if (typeof value !== 'string') return false
  if ((DIGESTS as readonly string[]).includes(name)) return /^[0-9a-f]{64}$/.test(value)
  return value !== '' && [...value].length <= TEXT_MAX && value.trim() === value && !CONTROL.test(value)
}

function readRows(lines: string[], findings: Findings): Rows | null {
  const rows: Rows = { positions: [], list: [], shown: [] }
  const seen = new Map<string, number>()
  for (let at = 1; at < lines.length; at++) {
    const row = ROW.exec(lines[at]!)
    if (!row || Number(row[2]) > 255) {
      findings.add(at + 1, '', '这一行的写法不符合格式')
      continue
    }
    const ticket = row[3]!
    const first = seen.get(ticket)
    if (first !== undefined) findings.add(at + 1, 'ticket', `票号 ${ticket} 与第 ${first} 行重复`)
    else seen.set(ticket, at + 1)
    rows.positions.push(Number(row[1]))
    rows.list.push({ tier: Number(row[2]), ticket })
    rows.shown.push(row[4]!)
  }
  return findings.list.some(({ line }) => line > 1) ? null : rows
}

/** Everything that follows from the header and the list, held against what is written. Gives back the keys. */
async function recompute(header: Header, rows: Rows, findings: Findings, progress: Progress): Promise<string[]> {
  const { campaign, entropy } = header
  const [secret, written, digest] = [unhex(header.secret), unhex(header.seed), unhex(header.tickets_digest)]
  const listFits = hex(ticketsDigest(campaign, rows.list)) === header.tickets_digest
  const followed = seed(secret, entropy, campaign)
  const commitmentFits = hex(commitment(header, secret)) === header.commitment
  const seedFits = hex(followed) === header.seed
  const resultFits = (): boolean => {
    const basis = { campaign, commitment: unhex(header.commitment), ticketsDigest: digest, entropy, seed: written }
    return hex(resultDigest(basis, rows.list)) === header.result_digest
  }
  const refuse = (field: string, text: string): string[] => {
    findings.add(1, field, text)
    return []
  }
  if (!commitmentFits && !seedFits) {
    return listFits
      ? refuse('secret', '秘密种子被改动：与承诺和种子都不符')
      : refuse('campaign', '活动名称被改动：与承诺、种子和名单摘要都不符')
  }
  if (!commitmentFits) {
    // The digest of the result tells which side was changed: it covers the commitment and not the terms.
    return resultFits()
      ? refuse('closes_at, entropy_rule', '截止时间或熵的约定被改动：与承诺不符')
      : refuse('commitment', '承诺被改动：不是这个秘密种子的承诺')
  }
  if (!seedFits) {
    const underWritten = ticketKeys(written)
    const fitting = rows.list.filter((one, at) => hex(underWritten(one).subarray(0, 8)) === rows.shown[at]).length
    return 2 * fitting > rows.list.length
      ? refuse('entropy', '公开熵被改动：推不出这个最终种子')
      : refuse('seed', '种子被改动：应由秘密种子和公开熵得出')
  }
  const before = findings.list.length
  const keys = await checkRows(header, rows, followed, listFits, findings, progress)
  if (findings.list.length > before) return keys
  if (!listFits) findings.add(1, 'tickets_digest', '名单摘要与名单不符')
  else if (!resultFits()) findings.add(1, 'result_digest', '结果摘要与结果不符')
  return keys
}

async function checkRows(
  header: Header, rows: Rows, followed: Uint8Array, listFits: boolean, findings: Findings, progress: Progress,
): Promise<string[]> {
  const { list, positions, shown } = rows
  if (header.tickets !== list.length) {
    if (listFits) findings.add(1, 'tickets', `人数写作 ${header.tickets}，名单有 ${list.length} 人`)
    else {
      const at = positions.findIndex((position, index) => position !== index + 1)
      findings.add((at < 0 ? list.length : at) + 2, '', '从这一行起名单有增减')
    }
    return []
  }
  const before = findings.list.length
  const keyOf = ticketKeys(followed)
  const keys: string[] = []
  for (const [at, entrant] of list.entries()) {
    if (at % ROWS_AT_ONCE === 0) await progress(at / list.length)
    if (positions[at] !== at + 1) findings.add(at + 2, 'position', `名次 ${positions[at]} 应为 ${at + 1}`)
    const key = hex(keyOf(entrant))
    keys.push(key)
    if (!key.startsWith(shown[at]!)) nameRow(keyOf, entrant, shown[at]!, at + 2, listFits, findings)
  }
  if (findings.list.length > before) return keys
  for (let at = 1; at < list.length; at++) {
    const [one, other] = [list[at - 1]!, list[at]!]
    const inOrder =
      one.tier !== other.tier
        ? one.tier < other.tier
        : keys[at - 1] !== keys[at] ? keys[at - 1]! < keys[at]! : one.ticket < other.ticket // prettier-ignore
    if (!inOrder) findings.add(at + 2, 'order', `票号 ${other.ticket} 应排在票号 ${one.ticket} 之前`)
  }
  return keys
}

/** Say which column of a row was changed, as far as the row and the list's digest tell. */
function nameRow(
  keyOf: (entrant: Entrant) => Uint8Array, { tier, ticket }: Entrant, shown: string, line: number, listFits: boolean,
  findings: Findings,
): void {
  if (listFits) {
    findings.add(line, 'key', `票号 ${ticket} 的排序值被改动`)
    return
  }
  for (let other = 0; other < 256; other++) {
    if (hex(keyOf({ tier: other, ticket })).startsWith(shown)) {
      findings.add(line, 'tier', `票号 ${ticket} 的档次由 ${other} 改为 ${tier}`)
      return
    }
  }
  findings.add(line, 'ticket', `票号 ${ticket} 与这一行的排序值不符：票号被改动`)
}

function placeOf(ticket: string, list: readonly Entrant[], keys: readonly string[]): Place | null {
  const at = list.findIndex((entrant) => entrant.ticket === ticket)
  const found = list[at]
  if (!found) return null
  const first = list.findIndex(({ tier }) => tier === found.tier)
  const inTier = list.filter(({ tier }) => tier === found.tier).length
  const tierLast = first + inTier
  return { position: at + 1, of: list.length, tier: found.tier, tierFirst: first + 1, tierLast, key: keys[at]! }
}
