// "Add a passkey somewhere else": the code, its minute, and what becomes of it.

import { ApiError, Unreachable, serviceNow } from './api.js'
import { draw } from './kit-panel.js'
import { $, busy, complain, element, hostOf, say } from './page.js'
import { act, callSignedIn } from './session.js'

const PATH = '/auth/credentials/code'

/** How often the state is asked for, in milliseconds. */
const INTERVAL = 1500

/**
 * How far ahead the code should expire when it is asked for, in milliseconds: the service gives a minute
 * at most and takes up to 65 seconds, so that signing may take a moment.
 */
const AHEAD = 64_000

/** How long a code lives, in milliseconds. */
const MINUTE = 60_000

/** How long a challenge lives once a code is entered, in milliseconds. */
const CHALLENGE = 5 * 60_000

let here
let reload
let polling
let ticking
let isCutOff = false

/** Prepares the panel; a code that is still under way, from before the page was loaded, is followed. */
export async function openCodePanel(application, { refresh }) {
  here = application
  reload = refresh
  offerPlaces()
  $('code-get').addEventListener('click', () =>
    busy($('code-get'), 'Confirm with your passkey…', issue),
  )
  $('code-cancel').addEventListener('click', () => busy($('code-cancel'), 'Cancelling…', cancel))
  $('code-again').addEventListener('click', () => reset('ask'))
  const newest = await newestCode()
  if (newest && isOpen(newest)) {
    reset('follow')
    follow()
  }
}

/**
 * The applications where a code can be entered; first another one than this, since that is what it is for. One
 * without a page for it is no place to go.
 */
function offerPlaces() {
  const places = here.applications.filter(({ enrolUrl }) => enrolUrl)
  const others = places.filter(({ id }) => id !== here.application.id)
  $('code-place').replaceChildren(
    ...places.map(({ id, name, origin, enrolUrl }) =>
      element(
        'option',
        { value: enrolUrl, selected: id === (others[0] ?? places[0]).id },
        `${name} (${hostOf(origin)})`,
      ),
    ),
  )
  $('code-place-field').hidden = places.length < 2
}

async function newestCode() {
  try {
    return await callSignedIn('GET', PATH)
  } catch (error) {
    if (error instanceof ApiError && error.code === 'code_not_found') {
      return undefined
    }
    throw error
  }
}

const isClaimLive = ({ claim }) => Date.parse(claim.date) + CHALLENGE > serviceNow()

/** Whether something may still become of it. */
function isOpen(code) {
  return (
    code.state === 'Issued' ||
    (code.state === 'Claimed' && isClaimLive(code)) ||
    (code.state === 'Redeemed' && code.approval?.state === 'Waiting')
  )
}

/** One part of the panel, with nothing left of what was there before. */
function reset(part) {
  clearTimeout(polling)
  clearInterval(ticking)
  $('code-ask').hidden = part !== 'ask'
  $('code-follow').hidden = part !== 'follow'
  $('code-secret').hidden = true
  $('code-approval').hidden = true
  $('code-again').hidden = true
  $('code-cancel').hidden = part !== 'follow'
  $('code-state').replaceChildren()
  $('code-state').dataset.shown = ''
  if (part === 'ask') {
    $('code-get').focus()
  }
}

async function issue() {
  const expiration = new Date(serviceNow() + AHEAD).toISOString()
  const issued = await act('POST', PATH, { expiration })
  reset('follow')
  const page = $('code-place').value
  $('code-text').textContent = issued.code
  $('code-with-page').hidden = !page
  $('code-without-page').hidden = Boolean(page)
  $('code-picture').hidden = !page
  $('code-link').hidden = !page
  if (page) {
    const link = `${page}#${issued.longCode}`
    const { host, pathname } = new URL(page)
    $('code-where').textContent = host + pathname
    $('code-link').href = link
    draw($('code-picture'), link)
  }
  $('code-secret').hidden = false
  countDown(Date.parse(issued.expiration))
  $('code-title').focus()
  await follow()
}

function countDown(end) {
  const tick = () => {
    const left = Math.min(Math.max(end - serviceNow(), 0), MINUTE)
    $('code-minute').value = left / MINUTE
    $('code-seconds').textContent = `${Math.ceil(left / 1000)} s`
    if (left === 0) {
      clearInterval(ticking)
    }
  }
  tick()
  ticking = setInterval(tick, 250)
}

/** Asks how far the code has come, shows it, and goes on for as long as that can change. */
async function follow() {
  clearTimeout(polling)
  try {
    const code = await newestCode()
    if (isCutOff) {
      isCutOff = false
      say('')
    }
    if (code) {
      showState(code)
    }
    if (!code || !isOpen(code)) {
      if (code?.state === 'Redeemed') {
        await reload()
      }
      return
    }
  } catch (error) {
    if (!(error instanceof Unreachable)) {
      complain(error)
      return
    }
    isCutOff = true
    say('The service cannot be reached; still trying.')
  }
  polling = setTimeout(follow, INTERVAL)
}

/** What is shown of a state: how the steps stand, and whether it is over. */
function picture(code) {
  const where = code.claim?.origin ? hostOf(code.claim.origin) : 'an application'
  const opened = ['done', `Opened on ${where} from ${code.claim?.address}`]
  switch (code.state) {
    case 'Issued':
      return { steps: [['now', 'Waiting for the other place']] }
    case 'Claimed':
      if (!isClaimLive(code)) {
        return { steps: [opened, ['bad', 'No passkey was added in time']], isOver: true }
      }
      return { steps: [opened, ['now', 'Waiting for the new passkey']] }
    case 'Redeemed':
      return redeemed(code, opened)
    case 'Expired':
      return { steps: [['bad', 'The minute is over, and the code with it']], isOver: true }
    default:
      return { steps: [['bad', 'The code is cancelled']], isOver: true }
  }
}

function redeemed({ approval }, opened) {
  switch (approval?.state) {
    case 'Waiting':
      return { steps: [opened, ['now', 'Waiting for your approval']], isWaiting: true }
    case 'Refused':
      return { steps: [opened, ['bad', 'You refused the passkey: it is gone']], isOver: true }
    case 'Expired':
      return { steps: [opened, ['bad', 'It was not approved in time: it is gone']], isOver: true }
    default:
      return { steps: [opened, ['done', 'The passkey is added']], isOver: true }
  }
}

function showState(code) {
  const { steps, isOver, isWaiting } = picture(code)
  const list = $('code-state')
  // A screen reader says the list again when it changes, so it is left alone while it does not.
  const shown = JSON.stringify(steps)
  if (list.dataset.shown !== shown) {
    list.dataset.shown = shown
    list.replaceChildren(
      ...steps.map(([state, words]) => element('li', { class: `step ${state}` }, words)),
    )
  }
  if (code.state !== 'Issued') {
    clearInterval(ticking)
    $('code-secret').hidden = true
  }
  $('code-cancel').hidden = Boolean(isOver || isWaiting)
  $('code-again').hidden = !isOver
  if (isWaiting) {
    ask(code.approval.credential)
  } else {
    $('code-approval').hidden = true
  }
}

/** Shows what the other place wants to add, and asks whether it may. */
function ask({ credentialUuid, kind, name, provider, origin, address }) {
  const panel = $('code-approval')
  if (!panel.hidden) {
    return
  }
  const rows = [
    ['Name', name],
    ['Kind', kind === 'Fido2' ? (provider ? `Passkey in ${provider}` : 'Passkey') : kind],
    ['On', origin ? hostOf(origin) : 'an application'],
    ['From', address],
  ]
  $('code-approval-facts').replaceChildren(
    ...rows.map(([term, value]) =>
      element('div', {}, element('dt', {}, term), element('dd', {}, value)),
    ),
  )
  for (const [button, path] of [
    ['code-approve', `${PATH}/approve`],
    ['code-refuse', `${PATH}/refuse`],
  ]) {
    $(button).onclick = () =>
      busy($(button), 'Confirm with your passkey…', async () => {
        await act('POST', path, { credentialUuid })
        await follow()
        await reload()
      })
  }
  panel.hidden = false
  $('code-approval-title').focus()
}

async function cancel() {
  await callSignedIn('DELETE', PATH)
  await follow()
}
