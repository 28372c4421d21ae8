import { expect, it } from 'vitest'

import { maskDocument, maskName, maskPhone } from '../masking'
import { distance, price } from '../words'

it('masks as the server does', () => {
  expect(maskDocument('310101202002290014')).toBe('310***********0014')
  expect(maskDocument('E1234')).toBe('*****')
  expect(maskPhone('13812345678')).toBe('138****5678')
  expect(maskPhone('+8613812345678')).toBe('138****5678')
  expect(maskName('王小明')).toBe('*小明')
  expect(maskName('𠮷')).toBe('*')
})

it('says prices and distances', () => {
  expect(price(0)).toBe('免费')
  expect(price(8800)).toBe('88 元')
  expect(price(4550)).toBe('45.50 元')
  expect(distance(646)).toBe('650 米')
  expect(distance(1234)).toBe('1.2 公里')
})
