// What the browser keeps for the pages: in a tab what is to outlive a reload (`keep`), which goes with the tab; in all
// tabs what is no secret (`localStorage`); and what a tab holds while others are to know of it (`hold`).

/** What storages and locks call what is kept under a name. */
export const key = (name) => `latchkey.${name}`

/** What a storage of the browser has of that name; nothing where it is closed, or has what nobody here has written. */
export function read(storage, name) {
  try {
    return JSON.parse(globalThis[storage].getItem(key(name))) ?? undefined
  } catch {
    return undefined
  }
}

/**
 * Writes it there, and answers whether it could: a storage may be full or closed. Nothing that is under way fails for
 * that; a session alone is nowhere else.
 */
export function write(storage, name, value) {
  try {
    globalThis[storage].setItem(key(name), JSON.stringify(value))
    return true
  } catch {
    return false
  }
}

/** Keeps a value until that moment, in milliseconds since 1970; answers whether it could. */
export const keep = (name, value, until) => write('sessionStorage', name, { value, until })

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

/**
 * Lets the other tabs know of something for as long as it is so; answers what ends that. Where there are no locks,
 * nobody knows.
 */
export function hold(name) {
  let end
  const untilThen = new Promise((resolve) => (end = resolve))
  navigator.locks?.request(key(name), { mode: 'shared' }, () => untilThen).catch(() => {})
  return end
}
