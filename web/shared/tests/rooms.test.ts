import { describe, expect, it } from 'vitest'

import { RoomTickets } from '../api/rooms'

function memory() {
  const kept = new Map<string, string>()
  return {
    kept,
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => void kept.set(name, value),
    removeItem: (name: string) => void kept.delete(name),
  }
}

describe('tickets of waiting rooms', () => {
  it('outlive a reload, one for each person', () => {
    const store = memory()
    new RoomTickets(store).keep('a', 7, 'ticket-a', 'e')
    new RoomTickets(store).keep('b', 8, 'ticket-b', null)
    expect(new RoomTickets(store).of('a')).toEqual({ roomId: 7, ticket: 'ticket-a', entry: 'e' })
    new RoomTickets(store).drop('a')
    expect(new RoomTickets(store).of('a')).toBeNull()
    expect(new RoomTickets(store).of('b')).toEqual({ roomId: 8, ticket: 'ticket-b', entry: null })
  })

  it('are not there where something else is', () => {
    const store = memory()
    for (const odd of ['', '{', 'null', '7', '{"roomId":"7","ticket":"t"}', '{"roomId":7}']) {
      store.setItem('humiao.room.a', odd)
      expect(new RoomTickets(store).of('a')).toBeNull()
    }
  })
})
