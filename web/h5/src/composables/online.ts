/** Whether the device believes it has a network. True does not promise that the server can be reached. */
import { ref } from 'vue'

export const online = ref(navigator.onLine)
addEventListener('online', () => (online.value = true))
addEventListener('offline', () => (online.value = false))
