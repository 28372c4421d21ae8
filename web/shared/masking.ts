/** What screens show of personal data. The server masks what it sends; these mask what was typed on this device. */

/** `310101202002290014` → `310***********0014`: three first, four last. */
export function maskDocument(number: string): string {
  if (number.length <= 7) return '*'.repeat(number.length)
  return number.slice(0, 3) + '*'.repeat(number.length - 7) + number.slice(-4)
}

/** `13812345678` or `+8613812345678` → `138****5678`. */
export function maskPhone(phone: string): string {
  const local = phone.startsWith('+86') ? phone.slice(3) : phone
  return local.length === 11 ? `${local.slice(0, 3)}****${local.slice(-4)}` : '*'.repeat(local.length)
}

/** `王小明` → `*小明`. */
export function maskName(name: string): string {
  const letters = [...name]
  return letters.length > 1 ? `*${letters.slice(1).join('')}` : '*'
}
