/** The work of a challenge, on up to four workers of this device; nothing leaves it and nothing is loaded from outside. */
import { encodeSolution, type Challenge } from '@humiao/shared/api/challenges'
import { solveChallengeWorkers } from 'altcha/lib'
import Pbkdf2Worker from 'altcha/workers/pbkdf2?worker'

const WORKERS_MAX = 4
const TIMEOUT_MS = 90_000

/** Null where this browser cannot do it in time, or at all: keys are derived only on pages served over TLS. */
export async function solve(challenge: Challenge): Promise<string | null> {
  if (!globalThis.crypto?.subtle) return null
  const solution = await solveChallengeWorkers({
    challenge,
    concurrency: Math.min(WORKERS_MAX, navigator.hardwareConcurrency || 2),
    createWorker: () => new Pbkdf2Worker(),
    timeout: TIMEOUT_MS,
  })
  return solution === null ? null : encodeSolution(challenge, solution)
}
