/**
 * Load something for a page: loading, then data or a refusal.
 *
 * A later load makes an earlier answer void. Data stays visible while it is loaded again. What failed for want of a
 * network is loaded again by itself when the network is back.
 */
import type { Answer, Refusal } from '@humiao/shared/api/refusal'
import { onScopeDispose, ref, shallowRef } from 'vue'

export function useLoad<T>(ask: () => Promise<Answer<T>>) {
  const data = shallowRef<T | null>(null)
  const refusal = shallowRef<Refusal | null>(null)
  const loading = ref(true)
  let turn = 0

  async function load(): Promise<void> {
    const mine = ++turn
    loading.value = true
    const told = await ask()
    if (mine !== turn) return
    loading.value = false
    if (told.ok) {
      data.value = told.data
      refusal.value = null
    } else {
      refusal.value = told.refusal
    }
  }

  const back = () => {
    if (refusal.value?.status === 0) void load()
  }
  addEventListener('online', back)
  onScopeDispose(() => {
    turn += 1
    removeEventListener('online', back)
  })
  return { data, refusal, loading, load }
}
