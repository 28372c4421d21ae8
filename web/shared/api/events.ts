/**
 * Server-sent events read from a fetch (WHATWG HTML, 9.2): the browser's own EventSource cannot send the login's header.
 *
 * Of each piece only what the city's streams use: `data`, `id`, `retry`; comments keep a line alive and are told as such.
 */

/** One piece of a stream. `data` null: nothing to tell, but the other side is there. */
export interface Piece {
  data: string | null
  id: string | null
  /** How long to wait before coming back once the stream has ended (ms); null: as before. */
  retryMs: number | null
}

/** Reads pieces out of text as it arrives, cut anywhere. */
export class EventReader {
  private rest = ''

  /** The pieces that are complete with this text. */
  read(text: string): Piece[] {
    this.rest += text.replaceAll('\r', '')
    const blocks = this.rest.split('\n\n')
    this.rest = blocks.pop() ?? ''
    return blocks.map(pieceOf)
  }
}

function pieceOf(block: string): Piece {
  const piece: Piece = { data: null, id: null, retryMs: null }
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':')
    if (colon <= 0) continue
    const value = line.slice(colon + 1).replace(/^ /, '')
    const name = line.slice(0, colon)
    if (name === 'data') piece.data = piece.data === null ? value : `${piece.data}\n${value}`
    else if (name === 'id') piece.id = value
    else if (name === 'retry' && /^\d{1,7}$/.test(value)) piece.retryMs = Number(value)
  }
  return piece
}

/** The pieces of a body until it ends or is cancelled; leaving the loop hangs up. Throws what the network throws. */
export async function* pieces(reader: ReadableStreamDefaultReader<Uint8Array>): AsyncGenerator<Piece> {
  const decoder = new TextDecoder()
  const events = new EventReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield* events.read(decoder.decode(value, { stream: true }))
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}
