import { describe, expect, it } from 'vitest'

import { EventReader, pieces, type Piece } from '../api/events'

const TEXT = 'retry: 2000\n\nid: 7\ndata: {"state":"waiting","说明":"排队"}\n\n:\n\ndata: a\ndata: b\n\n'
const WANTED: Piece[] = [
  { data: null, id: null, retryMs: 2000 },
  { data: '{"state":"waiting","说明":"排队"}', id: '7', retryMs: null },
  { data: null, id: null, retryMs: null },
  { data: 'a\nb', id: null, retryMs: null },
]

function bodyOf(bytes: Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const part of bytes) controller.enqueue(part)
      controller.close()
    },
  })
}

describe('server-sent events', () => {
  it('are the same wherever the network cuts them', async () => {
    const bytes = new TextEncoder().encode(TEXT)
    for (let size = 1; size <= bytes.length; size += 1) {
      const cut: Uint8Array[] = []
      for (let at = 0; at < bytes.length; at += size) cut.push(bytes.slice(at, at + size))
      const heard: Piece[] = []
      for await (const piece of pieces(bodyOf(cut).getReader())) heard.push(piece)
      expect(heard).toEqual(WANTED)
    }
  })

  it('are told when they are whole, and odd lines are passed over', () => {
    const reader = new EventReader()
    expect(reader.read('data: 1\r\n')).toEqual([])
    expect(reader.read('\r\nretry: soon\nnobody\nevent: x\n\nda')).toEqual([
      { data: '1', id: null, retryMs: null },
      { data: null, id: null, retryMs: null },
    ])
  })

  it('hang up when nobody listens any more', async () => {
    let hungUp = false
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode(TEXT)),
      cancel: () => void (hungUp = true),
    })
    for await (const piece of pieces(body.getReader())) if (piece.data !== null) break
    expect(hungUp).toBe(true)
  })

  it('end for who waits for one when somebody else hangs up', async () => {
    const reader = new ReadableStream<Uint8Array>().getReader()
    const listening = pieces(reader).next()
    await reader.cancel()
    expect(await listening).toEqual({ done: true, value: undefined })
  })
})
