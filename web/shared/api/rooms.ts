/**
 * Tickets of waiting rooms, kept for the tab: a reload or a lost network costs nobody their place.
 *
 * A ticket only shows the place; the place itself is the person's at the server. Where the ticket is gone, joining again
 * brings another for the same place.
 */
import type { KeyStore } from './intents'

const PREFIX = 'humiao.room.'

export class RoomTickets {
  constructor(private readonly store: KeyStore) {}

  /** The ticket that was kept last for a person, with its room. */
  of(personId: string): { roomId: number; ticket: string; entry: string | null } | null {
    try {
      const kept = JSON.parse(this.store.getItem(PREFIX + personId) ?? 'null') as unknown
      if (typeof kept !== 'object' || kept === null) return null
      const { roomId, ticket, entry } = kept as { roomId?: unknown; ticket?: unknown; entry?: unknown }
      if (typeof roomId !== 'number' || typeof ticket !== 'string') return null
      return { roomId, ticket, entry: typeof entry === 'string' ? entry : null }
    } catch {
      return null
    }
  }

  /** `entry` is the ticket's number in the published draw. */
  keep(personId: string, roomId: number, ticket: string, entry: string | null): void {
    this.store.setItem(PREFIX + personId, JSON.stringify({ roomId, ticket, entry }))
  }

  drop(personId: string): void {
    this.store.removeItem(PREFIX + personId)
  }
}
