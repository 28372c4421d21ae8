/** Hold tokens of this device: who has the token may confirm or release. Dropped an hour after their deadline. */
const PREFIX = 'humiao.hold.'
const KEEP_MS = 3_600_000

interface Kept {
  token: string
  until: string
}

export function keepHold(holdId: string, token: string, heldUntil: string): void {
  for (const name of Object.keys(localStorage).filter((key) => key.startsWith(PREFIX))) {
    const kept = read(name)
    if (!kept || Date.parse(kept.until) + KEEP_MS < Date.now()) localStorage.removeItem(name)
  }
  localStorage.setItem(PREFIX + holdId, JSON.stringify({ token, until: heldUntil } satisfies Kept))
}

export function holdToken(holdId: string): string | null {
  return read(PREFIX + holdId)?.token ?? null
}

export function dropHold(holdId: string): void {
  localStorage.removeItem(PREFIX + holdId)
}

function read(name: string): Kept | null {
  try {
    return JSON.parse(localStorage.getItem(name) ?? 'null') as Kept | null
  } catch {
    return null
  }
}
