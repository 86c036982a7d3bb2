// On a page that says that another one is away: asks for that until it is back, and shows it then. What stands
// behind `#` in the address stays.

/** In milliseconds. */
const PAUSE = 5000

async function ask() {
  try {
    const headers = { accept: 'text/html' }
    const { status } = await fetch(location.href, { method: 'HEAD', cache: 'no-store', headers })
    if (status !== 503) {
      location.reload()
      return
    }
  } catch {
    // No answer is no other news.
  }
  setTimeout(ask, PAUSE)
}

setTimeout(ask, PAUSE)
