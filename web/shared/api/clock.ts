/**
 * Server time on a device whose own clock may be wrong.
 *
 * Learned from the Date header of answers. That header has whole seconds, so half a second is added, and the true
 * value lies within ± (500 ms + half the round trip). The best reading is kept; a reading that contradicts it (somebody
 * set the device's clock) or a stale one is replaced.
 */
const STALE_AFTER_MS = 5 * 60_000

export class ServerClock {
  private offsetMs = 0
  private uncertaintyMs = Infinity
  private learnedAtMs = 0

  constructor(private readonly deviceNow: () => number = Date.now) {}

  /** Milliseconds since the epoch by the server's clock; the device's own until something is learned. */
  now(): number {
    return this.deviceNow() + this.offsetMs
  }

  /** Take a reading: the Date header of an answer, and when the request left and the answer came (device, ms). */
  learn(dateHeader: string | null, sentAtMs: number, receivedAtMs: number): void {
    const told = Date.parse(dateHeader ?? '')
    if (Number.isNaN(told)) return
    const uncertaintyMs = 500 + Math.max(0, receivedAtMs - sentAtMs) / 2
    const offsetMs = told + 500 - (sentAtMs + receivedAtMs) / 2
    const better = uncertaintyMs <= this.uncertaintyMs
    const contradicts = Math.abs(offsetMs - this.offsetMs) > uncertaintyMs + this.uncertaintyMs
    const stale = receivedAtMs - this.learnedAtMs > STALE_AFTER_MS
    if (!better && !contradicts && !stale) return
    this.offsetMs = offsetMs
    this.uncertaintyMs = uncertaintyMs
    this.learnedAtMs = receivedAtMs
  }
}
