/** Small words: prices, distances, labels of closed sets. */

/** Fen to `免费` or `88 元` / `45.50 元`. */
export function price(fen: number): string {
  if (fen === 0) return '免费'
  return fen % 100 === 0 ? `${fen / 100} 元` : `${(fen / 100).toFixed(2)} 元`
}

/** Metres to `650 米` or `1.2 公里`. */
export function distance(metres: number): string {
  return metres < 1000 ? `${Math.round(metres / 10) * 10} 米` : `${(metres / 1000).toFixed(1)} 公里`
}

export const RELATIONS = {
  self: '本人',
  child: '子女',
  parent: '父母',
  spouse: '配偶',
  grandparent: '祖父母',
  grandchild: '孙辈',
  other: '其他家人',
} as const

export const DOCUMENTS = {
  resident_id: '居民身份证',
  hmt_residence_permit: '港澳台居民居住证',
  foreign_permanent_resident: '外国人永久居留身份证',
  home_return_permit: '港澳居民来往内地通行证',
  taiwan_travel_permit: '台湾居民来往大陆通行证',
  passport: '护照',
  birth_certificate: '出生医学证明',
} as const

export const SEXES = { F: '女', M: '男' } as const
