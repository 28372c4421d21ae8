/**
 * Work instead of riddles: before a code is sent the device solves a challenge, unseen, in a worker.
 *
 * A solution works once and for one purpose. What was solved may be too easy by the time it arrives, or too old: then
 * the server says so and one more is solved; after that the person is told.
 */
import { isAboutChallenge, unsolvable, type Answer } from './refusal'
import type { components } from './schema'

export type Challenge = components['schemas']['ChallengeAnswer']
export type Purpose = 'send_code' | 'log_in'

/** What the page can say while it waits. */
export type Phase = 'verifying' | 'sending'

export class Challenges {
  constructor(
    private readonly issue: (purpose: Purpose) => Promise<Answer<Challenge>>,
    /** Does the work; null where it cannot be done here. */
    private readonly solve: (challenge: Challenge) => Promise<string | null>,
  ) {}

  /**
   * Send a change with a solution. `first` 'solve': one is always needed; 'ask': the server says when. A refusal about
   * the challenge is answered by solving one more, once.
   */
  async send<T>(
    purpose: Purpose,
    first: 'solve' | 'ask',
    change: (solution: string | undefined) => Promise<Answer<T>>,
    onPhase: (phase: Phase) => void = () => {},
  ): Promise<Answer<T>> {
    let solution: string | undefined
    if (first === 'solve') {
      const solved = await this.solved(purpose, onPhase)
      if (!solved.ok) return solved
      solution = solved.data
    }
    onPhase('sending')
    const told = await change(solution)
    if (told.ok || !isAboutChallenge(told.refusal.code)) return told
    const again = await this.solved(purpose, onPhase)
    if (!again.ok) return again
    onPhase('sending')
    return change(again.data)
  }

  private async solved(purpose: Purpose, onPhase: (phase: Phase) => void): Promise<Answer<string>> {
    onPhase('verifying')
    const issued = await this.issue(purpose)
    if (!issued.ok) return issued
    const solution = await this.solve(issued.data).catch(() => null)
    return solution === null ? { ok: false, refusal: unsolvable() } : { ok: true, data: solution }
  }
}

/** What is sent back: base64 of ALTCHA's JSON, all of it ASCII. */
export function encodeSolution(challenge: Challenge, solution: { counter: number; derivedKey: string }): string {
  return btoa(JSON.stringify({ challenge, solution: { counter: solution.counter, derivedKey: solution.derivedKey } }))
}
