/**
 * A name for this browser, random and its own: a code by SMS is good only where it was asked for.
 *
 * It says nothing about the device or the person. Where nothing can be stored (private windows of some browsers), it
 * lasts as long as the page.
 */
import { newKey, type KeyStore } from './intents'

const NAME = 'humiao.device'
const WELL_FORMED = /^[A-Za-z0-9_-]{16,64}$/

export function deviceId(store: KeyStore, make: () => string = newKey): string {
  try {
    const kept = store.getItem(NAME)
    if (kept !== null && WELL_FORMED.test(kept)) return kept
  } catch {
    return make()
  }
  const made = make()
  try {
    store.setItem(NAME, made)
  } catch {
    // lasts as long as the page
  }
  return made
}
