// What a tab knows when it is loaded anew. It stays in the tab, and goes with it.

/** What storages call what is kept under a name. */
export const key = (name) => `latchkey.${name}`

/** What a storage of the browser has of that name; nothing where it is closed, or has what nobody here has written. */
export function read(storage, name) {
  try {
    return JSON.parse(globalThis[storage].getItem(key(name))) ?? undefined
  } catch {
    return undefined
  }
}

/** Writes it there, where there is room: what is kept is a help, and nothing that is under way fails without it. */
export function write(storage, name, value) {
  try {
    globalThis[storage].setItem(key(name), JSON.stringify(value))
  } catch {
    // It is full or closed.
  }
}

/** Keeps a value until that moment, in milliseconds since 1970. */
export function keep(name, value, until) {
  write('sessionStorage', name, { value, until })
}

/** What was kept, as long as its time is not over. */
export function kept(name) {
  const { value, until } = read('sessionStorage', name) ?? {}
  if (until > Date.now()) {
    return value
  }
  forget(name)
  return undefined
}

export function forget(name) {
  try {
    sessionStorage.removeItem(key(name))
  } catch {
    // It is closed, and has nothing.
  }
}
