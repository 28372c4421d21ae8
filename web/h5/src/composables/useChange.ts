/**
 * One change a person intends: hold, confirm, cancel, …
 *
 * `run` sends it; `retry` sends the same again. Both use the intent's key until the outcome is known, so pressing twice,
 * losing the answer or being offline never does the thing twice.
 */
import type { IntentKeys } from '@humiao/shared/api/intents'
import { isUnsettled, type Answer, type Refusal } from '@humiao/shared/api/refusal'
import { ref, shallowRef } from 'vue'

export function useChange<Body, T>(
  intent: string,
  keys: IntentKeys,
  send: (body: Body, key: string) => Promise<Answer<T>>,
) {
  const busy = ref(false)
  const refusal = shallowRef<Refusal | null>(null)
  let last: Body | undefined

  async function run(body: Body): Promise<Answer<T> | null> {
    if (busy.value) return null
    last = body
    busy.value = true
    refusal.value = null
    const told = await send(body, keys.keyFor(intent, body)).finally(() => (busy.value = false))
    if (told.ok || !isUnsettled(told.refusal)) keys.settle(intent)
    if (!told.ok) refusal.value = told.refusal
    return told
  }

  const retry = (): Promise<Answer<T> | null> => (last === undefined ? Promise.resolve(null) : run(last))
  const clear = (): void => {
    refusal.value = null
  }
  return { busy, refusal, run, retry, clear }
}
