// What is said to whoever is before the page: beside what it is about, and over nothing. Whatever is said, that stays
// where it is on the screen, so that a second click hits what the first one did.

import { t } from './language.js'
import { explain } from './texts.js'

const [messages] = document.getElementsByClassName('messages')
const [status, alert] = messages.children

/** Where they stand as long as they are about nothing that is on the page. */
const home = document.createComment('messages')
messages.before(home)

/** What they are about: the button that was pressed last, or the field that is at fault. */
let subject

/**
 * From now on they are about that, or about the whole page. What was said of something that is gone is said of it,
 * too.
 */
export function speakOf(element) {
  subject = element
  if (!messages.isConnected) {
    still(() => {})
  }
}

const isSeen = (element) => element?.getClientRects().length > 0

/** All rows of buttons that stand together, so that none of them is moved away from another. */
function rowsOf(button) {
  let first = button.closest('.actions') ?? button
  while (first.previousElementSibling?.matches('.actions')) {
    first = first.previousElementSibling
  }
  return first
}

/** Whether some of it can be pressed as the page is scrolled. */
function isInWindow(element) {
  const { top, bottom, height } = element.getBoundingClientRect()
  return height > 0 && bottom > 0 && top < innerHeight
}

/** Whether they can be read as the page is scrolled. */
function isInSight() {
  const { top, bottom } = messages.getBoundingClientRect()
  return top >= 0 && bottom <= innerHeight
}

/** The card of what they are about, which may be hidden in it by now. */
const cardOf = (element) => element?.closest('.card, section')

/** What stays where it is: what they are about, or a button in the window of the question that has come after that. */
function held() {
  if (isSeen(subject)) {
    return subject
  }
  return [...(cardOf(subject)?.querySelectorAll('.approval button') ?? [])].find(isInWindow)
}

/**
 * Puts them at the end of the card, where nothing of it moves; where that is out of sight, above the buttons or below
 * the field. Where what they are about is gone, below the heading to which its owner was led: the last one.
 */
function place() {
  const card = cardOf(subject)
  if (!isSeen(card)) {
    home.after(messages)
    messages.scrollIntoView({ block: 'nearest' })
    return
  }
  card.append(messages)
  if (isInSight()) {
    return
  }
  const kept = held()
  if (kept?.matches('button, .button')) {
    rowsOf(kept).before(messages)
  } else if (kept) {
    kept.after(messages)
  } else {
    const heading = [...card.querySelectorAll('h2, h3')].findLast(isInWindow)
    if (heading) {
      heading.after(messages)
      messages.scrollIntoView({ block: 'nearest' })
    }
  }
}

/** What they stand with. */
let beside

/** Their place beside that is kept free until they go: nothing moves when they change. */
function keepPlace(isKept) {
  messages.style.minHeight = isKept ? `${messages.offsetHeight}px` : ''
}

/** Changes something on the page, and what they are about stays where it is on the screen. */
export function still(work) {
  const kept = held()
  const top = kept?.getBoundingClientRect().top
  keepPlace(true)
  work()
  const isEmpty = status.textContent === '' && alert.textContent === ''
  const about = held() ?? subject
  const isThere = beside === about && isSeen(messages) && isInSight()
  if (!isEmpty && !isThere) {
    const { activeElement } = document
    keepPlace(false)
    place()
    beside = about
    // What is moved loses the focus.
    if (messages.contains(activeElement)) {
      activeElement.focus({ preventScroll: true })
    }
  }
  keepPlace(kept !== undefined)
  if (isSeen(kept)) {
    scrollBy({ top: kept.getBoundingClientRect().top - top, behavior: 'instant' })
  }
}

/** Says nothing any more, and is at home again: what was said is not led to once more on a page that has changed. */
export function fallSilent() {
  status.textContent = ''
  alert.replaceChildren()
  keepPlace(false)
  home.after(messages)
  beside = undefined
}

/** Says what is going on, to screen readers too, until something else is said. */
export function say(text) {
  still(() => (status.textContent = text))
}

/** Whether that is what was said last. */
export const isSaid = (text) => status.textContent === text

/** How long good news stay, in milliseconds: what they tell is on the page anyway. */
const NEWS = 8000

/** Says what has been done. */
export function announce(text) {
  say(text)
  setTimeout(() => {
    if (isSaid(text)) {
      say('')
    }
  }, NEWS)
}

/** Says what went wrong and what to do, with a button if one helps; without an error it takes that back. */
export function complain(error, button) {
  if (error === undefined) {
    still(() => alert.replaceChildren())
    return
  }
  const text = document.createElement('p')
  text.textContent = explain(error)
  still(() => {
    status.textContent = ''
    alert.replaceChildren(...[text, button].filter(Boolean))
  })
  if (error.code === 'too_many_attempts' && error.retryAfter) {
    setTimeout(() => takeBack(text), error.retryAfter * 1000)
  }
}

/** Says that it is time, where whoever has to wait was told nothing else since. A button that helps stays. */
function takeBack(text) {
  if (text.isConnected) {
    still(() => text.remove())
    announce(t('You can try again now.'))
  }
}
