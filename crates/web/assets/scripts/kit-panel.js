// The recovery kit on the screen and on paper.

import { renderSVG } from '../vendor/uqr.js'

import { hasMailbox } from './kit.js'
import { t } from './language.js'
import { $, addressOf, element, facts } from './page.js'
import { confirm } from './question.js'
import { forgetUnkept, showing } from './unkept.js'

/** A link that fills in everything but the code. */
function linkOf({ number, username }) {
  const fragment = new URLSearchParams({ username, number })
  return `${addressOf('recover')}#${fragment}`
}

const CAPTION = t('Opens the recovery page. The kit code is not in it.')

/** What a kit is good for before it is in use, and how that is known of one that is found years later. */
const UNUSED = t('Not before it was put into use where it was made. Your account shows the number of the kit that is in use.')

const titleOf = ({ application }) => t('Recovery kit for {application}', { application: application.name })

const purposeOf = ({ username }) =>
  hasMailbox(username)
    ? t('With this and your mailbox you get back into your account when every passkey is lost.')
    : t('With this and a code from your administrator you get back into your account when every passkey is lost.')

function fileOf(kit, here, isInUse) {
  const rows = [
    [t('Page'), addressOf('recover')],
    [t('User name'), kit.username],
    [t('Kit number'), kit.number],
    [t('Kit code'), kit.code],
  ]
  const width = Math.max(...rows.map(([name]) => name.length)) + 2
  return [
    titleOf(here),
    '',
    purposeOf(kit),
    t('Keep it where only you can find it. Nobody else has the kit code.'),
    ...(isInUse ? [] : [`${t('Valid')}: ${UNUSED}`]),
    '',
    ...rows.map(([name, value]) => name.padEnd(width) + value),
    '',
  ].join('\n')
}

/**
 * What a saved kit says, in whatever language it was saved: its last rows, whose names and values stand apart. Of
 * another file, nothing.
 */
export function readKit(text) {
  const rows = [...text.matchAll(/^\S.*? {2,}(\S.*)$/gm)]
  const [username, number, code] = rows.slice(-3).map(([, value]) => value.trim())
  return code?.startsWith('D1') ? { code, number, username } : {}
}

/** A picture of a text; it is drawn as it is read, black on white, in both themes. */
export function draw(place, text) {
  const svg = renderSVG(text, { border: 4, ecc: 'M' })
  place.src = `data:image/svg+xml,${encodeURIComponent(svg)}`
}

/** Says what it takes to recover beside a kit, for whoever is called so. */
export function tellWayBack(username) {
  for (const place of document.querySelectorAll('[data-mailbox]')) {
    place.hidden = place.dataset.mailbox !== (hasMailbox(username) ? 'yes' : 'no')
  }
}

const guard = (event) => event.preventDefault()

/** The address of the file of the kit that is shown. */
let file = ''

/** Takes back what was said to the other tabs. */
let shownNoMore = () => {}

/** Whether the kit that is shown is in use, and whether it was printed, saved or copied. */
let isInUse = false
let isSaved = false

/** Leaving asks, unless the kit that is shown is kept and good. */
function watch() {
  if (isInUse && isSaved) {
    removeEventListener('beforeunload', guard)
  } else {
    addEventListener('beforeunload', guard)
  }
}

/** It was printed, saved or copied, which is said above what was pressed, where there is room for it: nothing moves. */
function saved(kit, words) {
  isSaved = true
  watch()
  forgetUnkept(kit)
  $('kit-saved').textContent = words
}

/** Does what leads on from the kit that is shown: who has not kept it is asked first, and may say that they have. */
export function goOnFromKit(kit, work) {
  if (isSaved) {
    work()
    return
  }
  confirm({
    title: t('You have not saved this kit'),
    text: t('It is never shown again.'),
    button: t('I have written it down'),
    safe: t('Stay and keep it'),
    work: () => {
      saved(kit, '')
      work()
    },
  })
}

/** The kit that is shown is in use from now on. */
export function putKitIntoUse() {
  isInUse = true
  // Whoever puts it into use says that they have kept it.
  isSaved = true
  watch()
  $('kit-saved')?.replaceChildren(t('Good. Keep it where only you can find it.'))
  $('kit-unused')?.closest('dl > div').remove()
  offerFile()
}

let offerFile = () => {}

/** Fills the panel with a new kit, which is in use or is yet to be. */
export function showKit(kit, here, { isUsed = true } = {}) {
  clearKit()
  tellWayBack(kit.username)
  isInUse = isUsed
  isSaved = false
  watch()
  shownNoMore = showing()
  document.body.classList.add('with-kit')
  const { host, pathname } = addressOf('recover')
  const secret = (id, value) => element('span', { id, class: 'secret' }, value)
  const rows = [
    [t('Kit code'), secret('kit-code', kit.code)],
    [t('Kit number'), secret('kit-number', kit.number)],
    [t('User name'), kit.username],
    [t('Where to use it'), element('span', { id: 'kit-page' }, host + pathname)],
  ]
  if (!isUsed) {
    rows.push([t('Valid'), element('span', { id: 'kit-unused' }, UNUSED)])
  }
  const picture = element('img', {
    class: 'qr',
    width: 160,
    height: 160,
    alt: t('QR code: opens the recovery page with user name and kit number filled in'),
  })
  draw(picture, linkOf(kit))
  const done = () =>
    saved(
      kit,
      isInUse ? t('Good. Keep it where only you can find it.') : t('It is kept. Now put it into use below.'),
    )
  const onPaper = () => {
    done()
    print()
  }
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(fileOf(kit, here, isInUse))
    } catch {
      $('kit-saved').textContent = t('Not copied. Print it, save it or write it down.')
      return
    }
    saved(
      kit,
      isInUse
        ? t('Whole kit copied. Paste it where only you can find it.')
        : t('Whole kit copied. Paste it, then put it into use below.'),
    )
  }
  const link = { class: 'button', download: `recovery-kit-${location.hostname}.txt`, onclick: done }
  const save = element('a', link, t('Save as a file'))
  offerFile = () => {
    URL.revokeObjectURL(file)
    file = URL.createObjectURL(new Blob([fileOf(kit, here, isInUse)], { type: 'text/plain' }))
    save.href = file
  }
  offerFile()
  $('kit').replaceChildren(
    element(
      'div',
      { class: 'kit' },
      element('div', { class: 'on-paper' }, element('h3', {}, titleOf(here)), element('p', {}, purposeOf(kit))),
      element('dl', {}, ...facts(rows)),
      element('figure', {}, picture, element('figcaption', { class: 'hint' }, CAPTION)),
    ),
    element('p', { id: 'kit-saved', class: 'hint', role: 'status' }, t('Not kept yet: print it, save it or copy it.')),
    element(
      'div',
      { class: 'actions' },
      element('button', { type: 'button', onclick: onPaper }, t('Print')),
      element('button', { type: 'button', onclick: copy }, t('Copy')),
      save,
    ),
  )
}

/** Leaves nothing of a kit on the page. */
export function clearKit() {
  removeEventListener('beforeunload', guard)
  shownNoMore()
  document.body.classList.remove('with-kit')
  URL.revokeObjectURL(file)
  $('kit').replaceChildren()
}
