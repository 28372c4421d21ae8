/** The vaccine catalogue, loaded once per visit: names and products for pages that know only a code. */
import type { Answer } from '@humiao/shared/api/refusal'
import type { Vaccine } from '@humiao/shared/api/types'

import { api, ask } from '../api'

let catalogue: Promise<Answer<{ items: Vaccine[] }>> | null = null

export async function allVaccines(): Promise<Answer<{ items: Vaccine[] }>> {
  catalogue ??= ask(api.GET('/api/v1/public/vaccines'))
  const told = await catalogue
  if (!told.ok) catalogue = null
  return told
}

/** Makers by product: the catalogue knows them, windows and reservations name the product only. */
export async function makers(): Promise<ReadonlyMap<number, string>> {
  const told = await allVaccines()
  const products = told.ok ? told.data.items.flatMap((vaccine) => vaccine.products) : []
  return new Map(products.map((product) => [product.product_id, product.manufacturer]))
}

/** The vaccine of a code, or null where it is unknown or the catalogue cannot be had. */
export async function vaccineOf(code: string): Promise<Vaccine | null> {
  const told = await allVaccines()
  return told.ok ? (told.data.items.find((vaccine) => vaccine.vaccine_code === code) ?? null) : null
}
