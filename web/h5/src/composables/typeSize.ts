/** The large-type mode: one attribute on the document, remembered on the device. */
import { ref, watch } from 'vue'

const NAME = 'humiao.type'

export const largeType = ref(localStorage.getItem(NAME) === 'large')

export function applyTypeSize(): void {
  watch(
    largeType,
    (large) => {
      document.documentElement.dataset['type'] = large ? 'large' : 'normal'
      localStorage.setItem(NAME, large ? 'large' : 'normal')
    },
    { immediate: true },
  )
}
