/**
 * Identity numbers by GB 11643, checked on the phone before anything is sent.
 *
 * A slip of the finger is told at once and nothing personal leaves the device for it. The server checks again and
 * decides; the two must agree on the numbers of domain/reference-codes.md §8. The area part is never judged: old cards
 * name districts that no longer exist.
 */
import { cityDay } from './dates'

export type NumberedDocument = 'resident_id' | 'hmt_residence_permit' | 'foreign_permanent_resident'
export type Sex = 'F' | 'M'

export type IdentityCheck =
  | { ok: true; kind: NumberedDocument; normalized: string; birthDate: string; sex: Sex }
  | { ok: false; reason: 'shape' | 'date' | 'checksum' }

const WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2] as const
const CHECK_DIGITS = '10X98765432'

/** Full-width letters and digits to ASCII, spaces away, upper case. */
export function foldDocument(text: string): string {
  return text.normalize('NFKC').replace(/\s+/g, '').toUpperCase()
}

function checkDigit(first17: string): string {
  const sum = WEIGHTS.reduce((total, weight, i) => total + weight * Number(first17[i]), 0)
  return CHECK_DIGITS[sum % 11]!
}

function kindOf(number: string): NumberedDocument {
  if (number.startsWith('9')) return 'foreign_permanent_resident'
  return /^8[123]0000/.test(number) ? 'hmt_residence_permit' : 'resident_id'
}

/**
 * Check an 18-digit number (or an old 15-digit resident ID, which is converted).
 * `today` is the city's day: nobody is born after it.
 */
export function checkIdentityNumber(text: string, today: string = cityDay(Date.now())): IdentityCheck {
  let number = foldDocument(text)
  if (/^\d{15}$/.test(number)) {
    const first17 = `${number.slice(0, 6)}19${number.slice(6)}`
    number = first17 + checkDigit(first17)
  }
  if (!/^\d{17}[\dX]$/.test(number)) return { ok: false, reason: 'shape' }
  if (checkDigit(number.slice(0, 17)) !== number[17]) return { ok: false, reason: 'checksum' }
  const birthDate = `${number.slice(6, 10)}-${number.slice(10, 12)}-${number.slice(12, 14)}`
  const born = new Date(`${birthDate}T00:00:00Z`)
  const exists = !Number.isNaN(born.getTime()) && born.toISOString().startsWith(birthDate)
  if (!exists || birthDate > today) return { ok: false, reason: 'date' }
  const sex: Sex = Number(number[16]) % 2 === 1 ? 'M' : 'F'
  return { ok: true, kind: kindOf(number), normalized: number, birthDate, sex }
}
