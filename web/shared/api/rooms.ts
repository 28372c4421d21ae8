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
  of(personId: string): { roomId: number; ticket: string } | null {
    try {
      const kept = JSON.parse(this.store.getItem(PREFIX + personId) ?? 'null') as unknown
      if (typeof kept !== 'object' || kept === null) return null
      const { roomId, ticket } = kept as { roomId?: unknown; ticket?: unknown }
      return typeof roomId === 'number' && typeof ticket === 'string' ? { roomId, ticket } : null
    } catch {
      return null
    }
  }

  keep(personId: string, roomId: number, ticket: string): void {
    this.store.setItem(PREFIX + personId, JSON.stringify({ roomId, ticket }))
  }

  drop(personId: string): void {
    this.store.removeItem(PREFIX + personId)
  }
}
