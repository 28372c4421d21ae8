/** Who is logged in on this device: tokens and the masked phone, shared by every tab. */

export interface Login {
  accessToken: string
  refreshToken: string
  phoneMasked: string
}

const NAME = 'humiao.login'

export class LoginStore {
  private readonly listeners = new Set<(login: Login | null) => void>()

  constructor(private readonly storage: Storage) {
    // another tab logged in, refreshed or out
    globalThis.addEventListener?.('storage', (event) => {
      if (event.key === NAME || event.key === null) this.tell()
    })
  }

  current(): Login | null {
    try {
      const login = JSON.parse(this.storage.getItem(NAME) ?? 'null') as Login | null
      return login && typeof login.accessToken === 'string' && typeof login.refreshToken === 'string' ? login : null
    } catch {
      return null
    }
  }

  set(login: Login): void {
    this.storage.setItem(NAME, JSON.stringify(login))
    this.tell()
  }

  clear(): void {
    this.storage.removeItem(NAME)
    this.tell()
  }

  /** Call `listener` now and at every change. */
  watch(listener: (login: Login | null) => void): void {
    this.listeners.add(listener)
    listener(this.current())
  }

  private tell(): void {
    const login = this.current()
    for (const listener of this.listeners) listener(login)
  }
}
