/** The page's one client, its clock, its login and its intent keys. */
import { answer as toAnswer, createApi } from '@humiao/shared/api/client'
import { ServerClock } from '@humiao/shared/api/clock'
import { IntentKeys } from '@humiao/shared/api/intents'
import { LoginStore, type Login } from '@humiao/shared/api/login'
import type { Answer } from '@humiao/shared/api/refusal'
import { shallowRef } from 'vue'

export const clock = new ServerClock()
export const logins = new LoginStore(localStorage)
export const api = createApi({ baseUrl: '', logins, clock })

/** Keys of changes whose bodies hold ids only; they outlive a reload of the tab. */
export const keptIntents = new IntentKeys(sessionStorage)
/** Keys of changes whose bodies hold personal data; memory only. */
export const privateIntents = new IntentKeys()

export const login = shallowRef<Login | null>(null)
logins.watch((current) => {
  login.value = current
})

export function ask<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<Answer<T>> {
  return toAnswer(call, clock)
}
