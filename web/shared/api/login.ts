/** Who is logged in on this device: tokens and the masked phone, shared by every tab of the storage. */

export interface Login {
  accessToken: string
  /** Empty where logging in again is the only way (staff). */
  refreshToken: string
  phoneMasked: string
}

export class LoginStore<L extends Login = Login> {
  private readonly listeners = new Set<(login: L | null) => void>()

  /** `name` keeps logins of different kinds apart in one storage. */
  constructor(
    private readonly storage: Storage,
    private readonly name = 'humiao.login',
  ) {
    // another tab logged in, refreshed or out
    globalThis.addEventListener?.('storage', (event) => {
      if (event.key === name || event.key === null) this.tell()
    })
  }

  current(): L | null {
    try {
      const login = JSON.parse(this.storage.getItem(this.name) ?? 'null') as L | null
      return login && typeof login.accessToken === 'string' && typeof login.refreshToken === 'string' ? login : null
    } catch {
      return null
    }
  }

  set(login: L): void {
    this.storage.setItem(this.name, JSON.stringify(login))
    this.tell()
  }

  clear(): void {
    this.storage.removeItem(this.name)
    this.tell()
  }

  /** Call `listener` now and at every change. */
  watch(listener: (login: L | null) => void): void {
    this.listeners.add(listener)
    listener(this.current())
  }

  private tell(): void {
    const login = this.current()
    for (const listener of this.listeners) listener(login)
  }
}
