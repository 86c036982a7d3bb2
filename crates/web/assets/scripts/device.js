// What this device is called.

import { t } from './language.js'

/** The system, by what the browser says of it. */
const SYSTEMS = [
  [/iPhone/, 'iPhone'],
  [/iPad/, 'iPad'],
  [/Android/, 'Android'],
  [/CrOS/, 'Chromebook'],
  [/Mac/, 'Mac'],
  [/Windows/, 'Windows'],
  [/Linux/, 'Linux'],
]

/** The browser. Most of them say that they are others too, so the order matters. */
const BROWSERS = [
  [/Edg/, 'Edge'],
  [/Firefox|FxiOS/, 'Firefox'],
  [/Chrome|CriOS/, 'Chrome'],
  [/Safari/, 'Safari'],
]

/** A name for a passkey that is made here, to begin with. */
export function nameOfThisDevice() {
  const find = (names) => names.find(([pattern]) => pattern.test(navigator.userAgent))?.[1]
  const [browser, system] = [find(BROWSERS), find(SYSTEMS)]
  return browser && system ? t('{browser} on {system}', { browser, system }) : (browser ?? system ?? t('Passkey'))
}

/** The longest name that the service takes. */
const LONGEST = 128

/** The same with the domain, for where another passkey is called like this device, too. */
export const nameHere = (domain) => `${nameOfThisDevice()}, ${domain}`.slice(0, LONGEST)

/** The name, or the first number behind it that is not taken. */
export function untaken(name, taken) {
  let free = name
  for (let number = 2; taken.includes(free); number += 1) {
    const behind = ` (${number})`
    free = name.slice(0, LONGEST - behind.length) + behind
  }
  return free
}
