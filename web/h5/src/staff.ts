/** Members of staff on these pages: a login and a client of their own. The login ends with the tab: desks are shared. */
import { createApi } from '@humiao/shared/api/client'
import { LoginStore, type Login } from '@humiao/shared/api/login'
import { shallowRef } from 'vue'

import { clock } from './api'

export interface StaffLogin extends Login {
  name: string
  role: 'city_admin' | 'district_admin' | 'clinic_staff'
}

export const ROLES = { city_admin: '市级管理员', district_admin: '区级管理员', clinic_staff: '门诊工作人员' } as const
export const staffLogins = new LoginStore<StaffLogin>(sessionStorage, 'humiao.staff')
export const staffApi = createApi({ baseUrl: '', logins: staffLogins, clock })
export const staff = shallowRef<StaffLogin | null>(null)
staffLogins.watch((current) => {
  staff.value = current
})

/** Save a file that was fetched. */
export function save(file: Blob, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(file)
  link.download = name
  link.click()
  // the browser has begun to read it by then
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}
