/**
 * SM3 (GB/T 32905-2016), a hash of 32 bytes. Small enough to be checked by eye, so that whoever verifies a draw need
 * trust no library; held to the standard's vectors.
 */

const BLOCK = 64
const START = [0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e]

const rotate = (x: number, by: number): number => (x << by) | (x >>> (32 - by))
const p0 = (x: number): number => x ^ rotate(x, 9) ^ rotate(x, 17)
const p1 = (x: number): number => x ^ rotate(x, 15) ^ rotate(x, 23)

/** The constant of each round, turned as the round wants it. */
const TURNED = Int32Array.from({ length: 64 }, (_, j) => rotate(j < 16 ? 0x79cc4519 : 0x7a879d8a, j % 32))
/** The expanded message of the block at work; one is enough, for nothing here waits in the middle of a block. */
const words = new Int32Array(68)

export class Sm3 {
  private state = Int32Array.from(START)
  private block = new Uint8Array(BLOCK)
  private filled = 0
  private length = 0

  update(bytes: Uint8Array): this {
    this.length += bytes.length
    for (const byte of bytes) {
      this.block[this.filled++] = byte
      if (this.filled === BLOCK) this.compress()
    }
    return this
  }

  /** A copy that goes its own way from here. */
  clone(): Sm3 {
    const copy = new Sm3()
    copy.state.set(this.state)
    copy.block.set(this.block)
    copy.filled = this.filled
    copy.length = this.length
    return copy
  }

  digest(): Uint8Array {
    const bits = this.length * 8
    this.update(Uint8Array.of(0x80))
    while (this.filled !== BLOCK - 8) this.update(Uint8Array.of(0))
    const end = new DataView(new ArrayBuffer(8))
    end.setUint32(0, Math.floor(bits / 2 ** 32))
    end.setUint32(4, bits >>> 0)
    this.update(new Uint8Array(end.buffer))
    const digest = new DataView(new ArrayBuffer(32))
    this.state.forEach((word, at) => digest.setInt32(at * 4, word))
    return new Uint8Array(digest.buffer)
  }

  private compress(): void {
    const w = words
    const view = new DataView(this.block.buffer)
    for (let j = 0; j < 16; j++) w[j] = view.getInt32(j * 4)
    for (let j = 16; j < 68; j++) {
      w[j] = p1(w[j - 16]! ^ w[j - 9]! ^ rotate(w[j - 3]!, 15)) ^ rotate(w[j - 13]!, 7) ^ w[j - 6]!
    }
    let [a, b, c, d, e, f, g, h] = this.state as unknown as [number, number, number, number, number, number, number, number]
    for (let j = 0; j < 64; j++) {
      const a12 = rotate(a, 12)
      const ss1 = rotate((a12 + e + TURNED[j]!) | 0, 7)
      const ff = j < 16 ? a ^ b ^ c : (a & b) | (a & c) | (b & c)
      const gg = j < 16 ? e ^ f ^ g : (e & f) | (~e & g)
      const tt1 = (ff + d + (ss1 ^ a12) + (w[j]! ^ w[j + 4]!)) | 0
      const tt2 = (gg + h + ss1 + w[j]!) | 0
      d = c
      c = rotate(b, 9)
      b = a
      a = tt1
      h = g
      g = rotate(f, 19)
      f = e
      e = p0(tt2)
    }
    const s = this.state
    for (const [at, word] of [a, b, c, d, e, f, g, h].entries()) s[at] = s[at]! ^ word
    this.filled = 0
  }
}

/** Bytes as lower-case hex. */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Lower-case hex as bytes. */
export function unhex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16))
}
