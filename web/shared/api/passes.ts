/**
 * Eligibility passes, kept in memory.
 *
 * A pass is asked for as soon as person, vaccine and day are chosen, so that at the opening second only the hold goes out.
 * It is asked for again shortly before it ends, and once when the server no longer takes it (keys or rules changed).
 */
import { isAboutPass, type Answer } from './refusal'

export interface IssuedPass {
  pass: string
  expires_at: string
}

/** A pass that ends within this time is not counted on any more. */
const MARGIN_MS = 60_000

export class Passes {
  private readonly kept = new Map<string, { pass: string; endsAtMs: number }>()
  private readonly asked = new Map<string, Promise<Answer<string>>>()

  constructor(
    private readonly issue: (personId: string, vaccine: string, day: string) => Promise<Answer<IssuedPass>>,
    private readonly now: () => number,
  ) {}

  /**
   * The pass at hand for a window on this day (ISO), or a new one; a refusal says why there is none. Age and intervals are
   * judged at the day of the appointment, so each day has a pass of its own.
   */
  of(personId: string, vaccine: string, day: string): Promise<Answer<string>> {
    const name = `${personId} ${vaccine} ${day}`
    const kept = this.kept.get(name)
    if (kept && kept.endsAtMs - MARGIN_MS > this.now()) return Promise.resolve({ ok: true, data: kept.pass })
    const running = this.asked.get(name)
    if (running) return running
    const asked = this.ask(name, personId, vaccine, day).finally(() => {
      if (this.asked.get(name) === asked) this.asked.delete(name)
    })
    this.asked.set(name, asked)
    return asked
  }

  /** Send a change with a pass; where the pass is refused, once more with a new one. */
  async send<T>(
    personId: string,
    vaccine: string,
    day: string,
    change: (pass: string) => Promise<Answer<T>>,
  ): Promise<Answer<T>> {
    const first = await this.of(personId, vaccine, day)
    if (!first.ok) return first
    const told = await change(first.data)
    if (told.ok || !isAboutPass(told.refusal.code)) return told
    const name = `${personId} ${vaccine} ${day}`
    if (this.kept.get(name)?.pass === first.data) this.kept.delete(name)
    const renewed = await this.of(personId, vaccine, day)
    return renewed.ok ? change(renewed.data) : renewed
  }

  /** Somebody else may be at the device now. */
  clear(): void {
    this.kept.clear()
    this.asked.clear()
  }

  private async ask(name: string, personId: string, vaccine: string, day: string): Promise<Answer<string>> {
    const told = await this.issue(personId, vaccine, day)
    if (!told.ok) return told
    this.kept.set(name, { pass: told.data.pass, endsAtMs: Date.parse(told.data.expires_at) })
    return { ok: true, data: told.data.pass }
  }
}
