/** Server time that ticks: once a second while the page is seen, and at once when it is seen again. */
import { onScopeDispose, ref, type Ref } from 'vue'

import { clock } from '../api'

export function useNow(): Readonly<Ref<number>> {
  const now = ref(clock.now())
  const tick = () => (now.value = clock.now())
  const timer = setInterval(tick, 1000)
  document.addEventListener('visibilitychange', tick)
  onScopeDispose(() => {
    clearInterval(timer)
    document.removeEventListener('visibilitychange', tick)
  })
  return now
}
