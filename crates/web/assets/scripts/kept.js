// What a tab knows when it is loaded anew. It stays in the tab, and goes with it.

const key = (name) => `latchkey.${name}`

/** Keeps a value until that moment, in milliseconds since 1970. */
export function keep(name, value, until) {
  sessionStorage.setItem(key(name), JSON.stringify({ value, until }))
}

/** What was kept, as long as its time is not over. */
export function kept(name) {
  const stored = sessionStorage.getItem(key(name))
  if (!stored) {
    return undefined
  }
  const { value, until } = JSON.parse(stored)
  if (until <= Date.now()) {
    forget(name)
    return undefined
  }
  return value
}

export function forget(name) {
  sessionStorage.removeItem(key(name))
}
