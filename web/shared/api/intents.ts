/**
 * Idempotency keys, one per intent of the person (P7).
 *
 * Pressing "confirm" is an intent: every retry of it, after a lost answer, a time-out or a reload, carries the same key
 * and gets the first answer. The key ends when the outcome is known, or when what is asked for changes.
 */
export interface KeyStore {
  getItem(name: string): string | null
  setItem(name: string, value: string): void
  removeItem(name: string): void
}

const PREFIX = 'humiao.intent.'

/** 128 random bits in URL-safe text; also where `crypto.randomUUID` is missing (pages not served over TLS). */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

export class IntentKeys {
  private readonly live = new Map<string, { key: string; asked: string }>()

  /** `store` lets keys outlive a reload; without it they live in memory (for bodies with personal data). */
  constructor(
    private readonly store: KeyStore | null = null,
    private readonly makeKey: () => string = newKey,
  ) {}

  /** The key for this intent and body: the kept one while its outcome is open, else a new one. */
  keyFor(intent: string, body: unknown): string {
    const asked = JSON.stringify(body ?? null)
    const kept = this.live.get(intent) ?? this.read(intent)
    if (kept?.asked === asked) return kept.key
    const made = { key: this.makeKey(), asked }
    this.live.set(intent, made)
    this.store?.setItem(PREFIX + intent, JSON.stringify(made))
    return made.key
  }

  /** The outcome is known: the next try is another intent. */
  settle(intent: string): void {
    this.live.delete(intent)
    this.store?.removeItem(PREFIX + intent)
  }

  private read(intent: string): { key: string; asked: string } | null {
    const text = this.store?.getItem(PREFIX + intent)
    if (!text) return null
    try {
      const { key, asked } = JSON.parse(text) as { key?: unknown; asked?: unknown }
      return typeof key === 'string' && typeof asked === 'string' ? { key, asked } : null
    } catch {
      return null
    }
  }
}
