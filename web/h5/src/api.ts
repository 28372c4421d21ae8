/** The page's one client, its clock, its login, its intent keys and its passes. */
import { answer as toAnswer, createApi } from '@humiao/shared/api/client'
import { Challenges } from '@humiao/shared/api/challenges'
import { ServerClock } from '@humiao/shared/api/clock'
import { deviceId } from '@humiao/shared/api/device'
import { IntentKeys } from '@humiao/shared/api/intents'
import { LoginStore, type Login } from '@humiao/shared/api/login'
import { Passes } from '@humiao/shared/api/passes'
import { RoomTickets } from '@humiao/shared/api/rooms'
import type { Answer } from '@humiao/shared/api/refusal'
import { shallowRef } from 'vue'

export const clock = new ServerClock()
export const logins = new LoginStore(localStorage)
export const api = createApi({ baseUrl: '', logins, clock })

/** Keys of changes whose bodies hold ids only; they outlive a reload of the tab. */
export const keptIntents = new IntentKeys(sessionStorage)
/** Keys of changes whose bodies hold personal data; memory only. */
export const privateIntents = new IntentKeys()

/** Eligibility passes of the people at hand; memory only. */
export const passes = new Passes(
  (person_id, vaccine_code, on) => ask(api.POST('/api/v1/resident/passes', { body: { person_id, vaccine_code, on } })),
  () => clock.now(),
)

/** Tickets of waiting rooms. */
export const tickets = new RoomTickets(sessionStorage)

/** The header that names this browser where codes are asked for and shown. */
export const device = { 'Device-Id': deviceId(localStorage) }
export const challenges = new Challenges(
  (purpose) => ask(api.GET('/api/v1/public/challenges', { params: { query: { purpose }, header: device } })),
  async (challenge) => (await import('./solver')).solve(challenge),
)

export const login = shallowRef<Login | null>(null)
logins.watch((current) => {
  login.value = current
  if (!current) passes.clear()
})

export function ask<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<Answer<T>> {
  return toAnswer(call, clock)
}
