// What every page does with its elements.

import { serviceNow, thisApplication } from './api.js'
import { ago, language, t } from './language.js'
import { complain, fallSilent, isSaid, say, speakOf } from './messages.js'
import { hasAuthenticator } from './passkeys.js'

export { announce, complain, say, speakOf, still } from './messages.js'

/** The element with that id. */
export const $ = (id) => document.getElementById(id)

// Modules run when all of a page's are there, or none does.
$('unloaded').remove()

/** A new element; `properties` are attributes, except `on…` listeners; children are nodes or texts. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith('on')) {
      made.addEventListener(key.slice(2), value)
    } else if (value === true) {
      made.setAttribute(key, '')
    } else if (value !== undefined && value !== false) {
      made.setAttribute(key, value)
    }
  }
  made.append(...children.filter((child) => child !== undefined))
  return made
}

/** The rows of a list of facts: what each is about, and what is known of it. */
export const facts = (rows) =>
  rows.map(([term, value]) => element('div', {}, element('dt', {}, term), element('dd', {}, value)))

/**
 * What stands behind `#` in the address, which is removed from the address bar and the history. Another
 * link to the same page, opened in the same tab, begins it anew.
 */
export function takeFragment() {
  addEventListener('hashchange', () => location.reload())
  const fragment = location.hash.slice(1)
  if (location.href.includes('#')) {
    history.replaceState(null, '', location.pathname)
  }
  return fragment
}

/**
 * Shows one of the page's steps, and moves the focus to its heading. Until then there is none: what is pressed before
 * anything listens would be lost, and a form be sent to nowhere.
 */
export function show(step) {
  let changed
  for (const section of document.querySelectorAll('[data-step]')) {
    const isShown = section.dataset.step === step
    if (isShown && section.hidden) {
      changed = section
    }
    section.hidden = !isShown
  }
  speakOf(undefined)
  fallSilent()
  changed?.querySelector('h2')?.focus()
}

/** Loads what a page is nothing without, and shows it. When that fails there is a button to load it again. */
export async function load(words, work) {
  speakOf(undefined)
  complain()
  say(words)
  try {
    await work()
  } catch (error) {
    const again = element('button', { type: 'button', onclick: () => load(words, work) }, t('Load again'))
    complain(error, again)
    again.focus()
  }
}

/** The field beside the button that has just been refused, if one was: it has the focus. */
const fieldAtFault = (button) => button.closest('.card')?.querySelector('[aria-invalid=true]:focus')

/** The decisions that somebody is making: buttons of one, of which no two can be meant, and those that stand alone. */
const underWay = new Set()

/**
 * Does the work with the button showing that it is under way; a second press meanwhile, on it or on another button of
 * the same decision (`data-decision`), does nothing.
 */
export async function busy(button, words, work) {
  const decision = button.closest('[data-decision]') ?? button
  if (underWay.has(decision)) {
    return
  }
  underWay.add(decision)
  button.ariaBusy = 'true'
  speakOf(button)
  complain()
  say(words)
  try {
    await work()
    if (isSaid(words)) {
      say('')
    }
  } catch (error) {
    speakOf(fieldAtFault(button) ?? button)
    complain(error)
  } finally {
    button.ariaBusy = null
    underWay.delete(decision)
  }
}

/** What the page is for, as its tab says before it knows the application. */
const PURPOSE = document.title

/** Fills in the name of the application wherever the page mentions it, and answers the application. */
export async function introduce() {
  const here = await thisApplication()
  document.title = `${PURPOSE} · ${here.application.name}`
  for (const place of document.querySelectorAll('[data-application]')) {
    place.textContent = here.application.name
  }
  return here
}

/** The address of another page: all of them stand side by side, wherever that is. */
export const addressOf = (page) => new URL(`./${page}`, location.href)

/** The host of an origin, as people know it. */
export function hostOf(origin) {
  try {
    return new URL(origin).host || origin
  } catch {
    return origin
  }
}

/**
 * The address that something comes from, and roughly where that is, if the service knows it: that is wrong for who
 * comes through a VPN or a mobile network, so it is said from what it is concluded. Places are named in English.
 */
export function whereFrom({ address, location }) {
  if (!location) {
    return element('span', {}, address)
  }
  const text = t('{address}, in or near {location} as far as the address tells', { address })
  const [before, after] = text.split('{location}')
  return element('span', {}, before, element('span', { lang: 'en' }, location), after)
}

/** How long it is until then by the service's clock, in minutes and seconds. */
export function timeLeft(end) {
  const seconds = Math.max(Math.floor((end - serviceNow()) / 1000), 0)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

const FORMAT = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' })

export function time(iso) {
  return element('time', { datetime: iso }, FORMAT.format(new Date(iso)))
}

const agoIn = (iso) => ago(Math.max(Math.round((serviceNow() - Date.parse(iso)) / 1000), 0))

/** How long ago that was, as long as it is shown. */
export const age = (iso) => element('time', { datetime: iso, 'data-age': iso }, agoIn(iso))

setInterval(() => {
  for (const shown of document.querySelectorAll('[data-age]')) {
    shown.textContent = agoIn(shown.dataset.age)
  }
}, 1000)

/** Says what helps where the browser has no authenticator but security keys, before a passkey is made. */
export async function hintAtSecurityKeys() {
  $('key-hint').hidden = await hasAuthenticator()
}
