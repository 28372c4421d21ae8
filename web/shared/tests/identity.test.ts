import { describe, expect, it } from 'vitest'

import { checkIdentityNumber } from '../identity'

const TODAY = '2026-11-24'

describe('GB 11643', () => {
  it.each([
    ['11010519491231002X', 'resident_id', '1949-12-31', 'F'],
    ['310101202002290014', 'resident_id', '2020-02-29', 'M'],
    ['310104201806300024', 'resident_id', '2018-06-30', 'F'],
    ['31011520120515004x', 'resident_id', '2012-05-15', 'F'], // lower case x is accepted
    ['31010319800808002X', 'resident_id', '1980-08-08', 'F'], // a district that no longer exists
    ['810000199003070015', 'hmt_residence_permit', '1990-03-07', 'M'],
    ['830000198512120024', 'hmt_residence_permit', '1985-12-12', 'F'],
    ['903840198001150016', 'foreign_permanent_resident', '1980-01-15', 'M'],
    ['３１０１０１ 20200229 0014', 'resident_id', '2020-02-29', 'M'], // full-width and spaced
  ])('%s is valid', (number, kind, birthDate, sex) => {
    expect(checkIdentityNumber(number, TODAY)).toMatchObject({ ok: true, kind, birthDate, sex })
  })

  it('converts an old number of 15 digits', () => {
    expect(checkIdentityNumber('110105491231002', TODAY)).toMatchObject({ ok: true, normalized: '11010519491231002X' })
  })

  it.each([
    ['310101202002290013', 'checksum'],
    ['310101201902290015', 'date'], // 29 February 2019
    ['31010120200229001', 'shape'],
    ['3101012020022900A4', 'shape'],
    ['', 'shape'],
  ])('%s is refused: %s', (number, reason) => {
    expect(checkIdentityNumber(number, TODAY)).toEqual({ ok: false, reason })
  })

  it('refuses somebody not yet born', () => {
    expect(checkIdentityNumber('310101202002290014', '2020-02-28')).toEqual({ ok: false, reason: 'date' })
  })
})
