/**
 * Waiting in a room: join, then hear where one stands as it changes; where nobody can be listened to, ask whenever the
 * server says it is worth asking.
 *
 * A page that is seen listens, one that is hidden asks (the server counts as present who does either): a browser opens few
 * connections to one place, and hidden pages would use them up. When it is seen again, or the network is back, it asks at
 * once. What failed for want of a network is asked again, and the place stays.
 */
import { pieces } from '@humiao/shared/api/events'
import type { Refusal } from '@humiao/shared/api/refusal'
import type { RoomPlace } from '@humiao/shared/api/types'
import { onScopeDispose, shallowRef } from 'vue'

import { api, ask, clock, tickets } from '../api'

/** After a poll that got no answer (s). */
const NO_ANSWER_S = 5
/** Over how long polls are spread when a room opens (ms). */
const AFTER_OPENING_MS = 4000
/** A stream that says nothing for so long has died (ms); the server is never silent for half of it. */
const SILENCE_MS = 35_000
/** Who found no place to listen asks for one again after so long (ms). */
const NO_STREAM_MS = 60_000

export function useRoom(roomId: number, personId: string) {
  const place = shallowRef<RoomPlace | null>(null)
  const entry = shallowRef(tickets.of(personId)?.entry ?? null)
  const refusal = shallowRef<Refusal | null>(null)
  let timer: ReturnType<typeof setTimeout> | undefined
  let turn = 0
  let hangUp = () => {}
  let noStreamUntil = 0
  let lastEvent: string | null = null

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

  /** Whatever was under way is not waited for any more. */
  function nextTurn(): number {
    clearTimeout(timer)
    hangUp()
    return ++turn
  }

  /** A gate that is a moment behind tells nobody to wait again. */
  function take(told: RoomPlace): void {
    if (!place.value || told.version >= place.value.version) place.value = told
    refusal.value = null
  }

  async function join(): Promise<void> {
    const mine = nextTurn()
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
    tickets.keep(personId, roomId, told.data.ticket, told.data.entry)
    entry.value = told.data.entry
    await poll()
  }

  async function poll(): Promise<void> {
    const mine = nextTurn()
    const shown = ticket()
    if (shown === null) return join()
    const told = await ask(
      api.GET('/api/v1/resident/rooms/{room_id}/place', {
        params: { path: { room_id: roomId }, header: { 'Room-Ticket': shown } },
      }),
    )
    if (mine !== turn) return
    if (told.ok) {
      take(told.data)
      timer = setTimeout(() => void poll(), waitMs(told.data))
      if (told.data.state !== 'admitted') void listen(mine, shown)
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

  /** Hear of changes instead of asking, while the page is seen and there is a place to listen; false where not. */
  async function listen(mine: number, shown: string): Promise<boolean> {
    if (document.visibilityState !== 'visible' || Date.now() < noStreamUntil) return false
    const header = lastEvent === null ? {} : { 'Last-Event-ID': lastEvent }
    const told = await ask(
      api.GET('/api/v1/resident/rooms/{room_id}/place/events', {
        params: { path: { room_id: roomId }, header: { 'Room-Ticket': shown, ...header } },
        parseAs: 'stream',
      }),
    )
    if (!told.ok || !told.data) {
      noStreamUntil = Date.now() + NO_STREAM_MS
      return false
    }
    const reader = (told.data as ReadableStream<Uint8Array>).getReader()
    hangUp = () => void reader.cancel().catch(() => {})
    if (mine !== turn) {
      hangUp()
      return false
    }
    let againMs = NO_ANSWER_S * 1000
    const watch = () => {
      clearTimeout(timer)
      timer = setTimeout(() => void poll(), SILENCE_MS)
    }
    watch()
    try {
      for await (const piece of pieces(reader)) {
        if (mine !== turn) return false
        watch()
        againMs = piece.retryMs ?? againMs
        lastEvent = piece.id ?? lastEvent
        if (piece.data !== null) take(JSON.parse(piece.data) as RoomPlace)
      }
    } catch {
      // The line broke, or what came was no event: what comes next is asked for.
    }
    if (mine === turn) {
      clearTimeout(timer)
      timer = setTimeout(() => void again(mine, shown), againMs)
    }
    return true
  }

  /** Listen again after a stream has ended; where nobody can, a poll tells why. */
  async function again(mine: number, shown: string): Promise<void> {
    const over = place.value?.state === 'admitted'
    if ((over || !(await listen(mine, shown))) && mine === turn) void poll()
  }

  async function leave(): Promise<void> {
    nextTurn()
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
    if (place.value) void poll()
  }
  const back = () => void poll()
  document.addEventListener('visibilitychange', seen)
  addEventListener('online', back)
  onScopeDispose(() => {
    nextTurn()
    document.removeEventListener('visibilitychange', seen)
    removeEventListener('online', back)
  })
  return { place, entry, refusal, join, poll, leave }
}
