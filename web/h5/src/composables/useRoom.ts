/**
 * Waiting in a room: join, then ask where one stands whenever the server says it is worth asking.
 *
 * While the page is hidden, asking goes on (the server counts as present who asks); when it is seen again, or the network
 * is back, it asks at once. What failed for want of a network is asked again, and the place stays.
 */
import type { Refusal } from '@humiao/shared/api/refusal'
import type { RoomPlace } from '@humiao/shared/api/types'
import { onScopeDispose, shallowRef } from 'vue'

import { api, ask, clock, tickets } from '../api'

/** After a poll that got no answer (s). */
const NO_ANSWER_S = 5
/** Over how long polls are spread when a room opens (ms). */
const AFTER_OPENING_MS = 4000

export function useRoom(roomId: number, personId: string) {
  const place = shallowRef<RoomPlace | null>(null)
  const refusal = shallowRef<Refusal | null>(null)
  let timer: ReturnType<typeof setTimeout> | undefined
  let turn = 0

  function ticket(): string | null {
    const kept = tickets.of(personId)
    return kept?.roomId === roomId ? kept.ticket : null
  }

  /** Until the next poll: as told, or soon after the room opens where that is sooner; not all in the same second. */
  function waitMs(told: RoomPlace): number {
    const wait = told.next_poll_s * 1000
    if (told.state !== 'early' || told.at === null) return wait
    return Math.min(wait, Math.max(0, Date.parse(told.at) - clock.now()) + 1000 + Math.random() * AFTER_OPENING_MS)
  }

  async function join(): Promise<void> {
    const mine = ++turn
    clearTimeout(timer)
    const told = await ask(
      api.POST('/api/v1/resident/rooms/{room_id}/entries', {
        params: { path: { room_id: roomId } },
        body: { person_id: personId },
      }),
    )
    if (mine !== turn) return
    if (!told.ok) {
      refusal.value = told.refusal
      return
    }
    tickets.keep(personId, roomId, told.data.ticket)
    await poll()
  }

  async function poll(): Promise<void> {
    const mine = ++turn
    clearTimeout(timer)
    const shown = ticket()
    if (shown === null) return join()
    const told = await ask(
      api.GET('/api/v1/resident/rooms/{room_id}/place', {
        params: { path: { room_id: roomId }, header: { 'Room-Ticket': shown } },
      }),
    )
    if (mine !== turn) return
    if (told.ok) {
      // A gate that is a moment behind tells nobody to wait again.
      if (!place.value || told.data.version >= place.value.version) place.value = told.data
      refusal.value = null
      timer = setTimeout(() => void poll(), waitMs(told.data))
    } else if (told.refusal.status === 0 || told.refusal.status === 429 || told.refusal.status >= 500) {
      if (!place.value) refusal.value = told.refusal
      timer = setTimeout(() => void poll(), NO_ANSWER_S * 1000)
    } else if (told.refusal.code === 'room_ticket_invalid') {
      // Its day is over, or keys were changed: the place is still there.
      tickets.drop(personId)
      timer = setTimeout(() => void join(), NO_ANSWER_S * 1000)
    } else if (told.refusal.code === 'room_ticket_used' && !place.value) {
      // Of an earlier visit: who comes anew wants a new place.
      tickets.drop(personId)
      await join()
    } else {
      tickets.drop(personId)
      place.value = null
      refusal.value = told.refusal
    }
  }

  async function leave(): Promise<void> {
    turn += 1
    clearTimeout(timer)
    const shown = ticket()
    if (shown === null) return
    const told = await ask(
      api.POST('/api/v1/resident/rooms/{room_id}/leave', {
        params: { path: { room_id: roomId }, header: { 'Room-Ticket': shown } },
      }),
    )
    if (told.ok) tickets.drop(personId)
    else refusal.value = told.refusal
  }

  const seen = () => {
    if (document.visibilityState === 'visible' && place.value) void poll()
  }
  const back = () => void poll()
  document.addEventListener('visibilitychange', seen)
  addEventListener('online', back)
  onScopeDispose(() => {
    turn += 1
    clearTimeout(timer)
    document.removeEventListener('visibilitychange', seen)
    removeEventListener('online', back)
  })
  return { place, refusal, join, poll, leave }
}
