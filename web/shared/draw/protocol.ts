/**
 * The arithmetic of the verifiable draw, version 1, as docs/draw.md writes it down: every hash is SM3 over fields that
 * begin with their length, and the first field says what is hashed.
 */
import { Sm3 } from './sm3'

const text = new TextEncoder()

export interface Terms {
  campaign: string
  closes_at: string
  entropy_rule: string
}

export interface Entrant {
  tier: number
  ticket: string
}

function field(hasher: Sm3, value: string | Uint8Array): Sm3 {
  const bytes = typeof value === 'string' ? text.encode(value) : value
  const length = new DataView(new ArrayBuffer(4))
  length.setUint32(0, bytes.length)
  return hasher.update(new Uint8Array(length.buffer)).update(bytes)
}

function over(...fields: (string | Uint8Array)[]): Sm3 {
  return fields.reduce<Sm3>(field, new Sm3())
}

export function commitment(terms: Terms, secret: Uint8Array): Uint8Array {
  return over('humiao.draw/1/commitment', terms.campaign, terms.closes_at, terms.entropy_rule, secret).digest()
}

export function seed(secret: Uint8Array, entropy: string, campaign: string): Uint8Array {
  return over('humiao.draw/1/seed', secret, entropy, campaign).digest()
}

/** Makes the keys of tickets under one seed: within a tier the smaller key comes first. */
export function ticketKeys(drawSeed: Uint8Array): (entrant: Entrant) => Uint8Array {
  const begun = over('humiao.draw/1/ticket-key', drawSeed)
  return ({ tier, ticket }) => field(field(begun.clone(), Uint8Array.of(tier)), ticket).digest()
}

function ofList(head: (string | Uint8Array)[], list: readonly Entrant[]): Uint8Array {
  const count = new DataView(new ArrayBuffer(8))
  count.setUint32(4, list.length)
  const hasher = over(...head, new Uint8Array(count.buffer))
  for (const { tier, ticket } of list) field(field(hasher, Uint8Array.of(tier)), ticket)
  return hasher.digest()
}

/** The digest of the sealed list, the same however it is sorted. */
export function ticketsDigest(campaign: string, list: readonly Entrant[]): Uint8Array {
  const sorted = [...list].sort((one, other) => (one.ticket < other.ticket ? -1 : 1))
  return ofList(['humiao.draw/1/tickets', campaign], sorted)
}

export interface Basis {
  campaign: string
  commitment: Uint8Array
  ticketsDigest: Uint8Array
  entropy: string
  seed: Uint8Array
}

/** The digest of a result whose list is in the order that was drawn. */
export function resultDigest(basis: Basis, ordered: readonly Entrant[]): Uint8Array {
  const { campaign, commitment, ticketsDigest, entropy } = basis
  return ofList(['humiao.draw/1/result', campaign, commitment, ticketsDigest, entropy, basis.seed], ordered)
}
