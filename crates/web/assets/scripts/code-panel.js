// "Add a passkey somewhere else": the code, its minute, and what becomes of it.

import { ApiError, serviceNow } from './api.js'
import { askOnce } from './asking.js'
import { forget, keep, kept } from './kept.js'
import { kindOf } from './kinds.js'
import { draw } from './kit-panel.js'
import { t, translated } from './language.js'
import { PromptError } from './passkeys.js'
import { $, age, busy, complain, element, facts, hostOf, speakOf, timeLeft, whereFrom } from './page.js'
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

/** The code as it is shown, for as long as it may be: a page that is loaded anew shows it again. */
const KEPT = 'code'

/** The place that was chosen last in this tab, and for how long, in milliseconds: no session lives longer. */
const CHOSEN = 'code-place'
const DAY = 24 * 60 * 60_000

/**
 * When the code was issued that was granted to a place, whose owner is asked a second time; and how long that can be.
 */
const GRANTED = 'granted'
const NOT_TOLD_YET = ''
const QUARTER = 15 * 60_000

/** The newest code, as it was told last. */
let newest

/** The code that is shown here: the newest one is another when it was got elsewhere. */
let shown

let here
let refreshAccount
let polling
let ticking

/**
 * Prepares the panel; a code that is still under way, from before the page was loaded, is followed. Whoever asked for
 * what waits (`waitingCredential`) has been told of it, so nobody asks a second time.
 */
export function openCodePanel(application, { refresh }) {
  here = application
  refreshAccount = refresh
  offerPlaces()
  $('code-place').addEventListener('change', ({ target }) => keep(CHOSEN, target.value, Date.now() + DAY))
  $('code-get').addEventListener('click', () =>
    busy($('code-get'), t('Confirm with your passkey…'), issue),
  )
  $('code-cancel').addEventListener('click', () => busy($('code-cancel'), t('Cancelling…'), cancel))
  if (newest && isOpen(newest)) {
    reset()
    const issued = kept(KEPT)
    if (newest.state === 'Issued' && issued?.expiration === newest.expiration) {
      reveal(issued)
    }
    follow()
  }
}

/** Follows a code that was granted to a place: it is there already, and nothing of it is shown here. */
export function followGranted() {
  forget(KEPT)
  keep(GRANTED, NOT_TOLD_YET, Date.now() + QUARTER)
  reset()
  $('code-title').focus()
  follow()
}

/** Whether the newest code was granted to a place that has asked for that kind: it is good for no other one. */
export async function hasGranted({ credentialKind, dateRequested }) {
  const { credentialKinds, dateIssued } = (await newestCode()) ?? {}
  return credentialKinds?.join() === credentialKind && Date.parse(dateIssued) >= Date.parse(dateRequested)
}

/** The applications where a code can be entered. One without a page for it is no place to go. */
const places = () => here.applications.filter(({ enrolUrl }) => enrolUrl)

/**
 * The places a code can be for. Where there are applications that are no place to go, a code can be for any. Until
 * something else is chosen it is for this one, which whoever does not look at the list has in mind.
 */
function offerPlaces() {
  const options = places().map(({ id, name, enrolUrl }) =>
    element('option', { value: id }, `${name} (${hostOf(enrolUrl)})`),
  )
  if (options.length < here.applications.length) {
    options.push(element('option', { value: '' }, t('In another application')))
  }
  $('code-place').replaceChildren(...options)
  const values = options.map(({ value }) => value)
  $('code-place').value = [kept(CHOSEN), here.application.id].find((id) => values.includes(id)) ?? values[0]
  $('code-place-field').hidden = options.length < 2
  $('code-elsewhere').hidden = here.applications.length < 2
}

async function newestCode() {
  try {
    newest = await callSignedIn('GET', PATH)
  } catch (error) {
    if (!(error instanceof ApiError && error.code === 'code_not_found')) {
      throw error
    }
    newest = undefined
  }
  if (newest && kept(GRANTED) === NOT_TOLD_YET) {
    keep(GRANTED, newest.dateIssued, Date.now() + QUARTER)
  }
  return newest
}

/** The credential that waits until its owner, who is signed in here, approves it; nothing when none does. */
export async function waitingCredential() {
  const { approval } = (await newestCode()) ?? {}
  return approval?.state === 'Waiting' ? approval.credential.credentialUuid : undefined
}

/** Whether that code was granted here to a place, which alone has it. */
const isGranted = ({ dateIssued }) => kept(GRANTED) === dateIssued

/** Whether something may still become of it. */
function isOpen(code) {
  return (
    code.state === 'Issued' ||
    code.state === 'Claimed' ||
    (code.state === 'Redeemed' && code.approval?.state === 'Waiting')
  )
}

/** Begins to follow a code, with nothing left of what was there before. */
function reset() {
  clearTimeout(polling)
  clearInterval(ticking)
  $('code-ask').hidden = true
  $('code-follow').hidden = false
  $('code-secret').hidden = true
  $('code-approval').hidden = true
  $('code-left').hidden = true
  $('code-stranger').hidden = true
  $('code-lost').hidden = true
  $('code-cancel').hidden = false
  $('code-state').replaceChildren()
  $('code-state').dataset.said = ''
}

async function issue() {
  const place = here.applications.find(({ id }) => id === $('code-place').value)
  const asked = {
    applicationId: place?.id,
    expiration: new Date(serviceNow() + AHEAD).toISOString(),
  }
  const { code, expiration, longCode } = await act('POST', PATH, asked)
  reset()
  const issued = { code, expiration, longCode, page: place?.enrolUrl }
  keep(KEPT, issued, Date.now() + MINUTE)
  reveal(issued)
  $('code-title').focus()
  await follow()
}

/** Shows the code, with the link where there is a page that takes it, and how much of its minute is left. */
function reveal(issued) {
  shown = issued
  const { code, expiration, longCode, page } = issued
  $('code-text').textContent = code
  $('code-with-page').hidden = !page
  $('code-without-page').hidden = Boolean(page)
  $('code-picture').hidden = !page
  $('code-link').hidden = !page
  if (page) {
    const link = `${page}#${longCode}`
    const { host, pathname } = new URL(page)
    $('code-where').textContent = host + pathname
    $('code-link').href = link
    draw($('code-picture'), link)
  }
  $('code-secret').hidden = false
  countDown(Date.parse(expiration))
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
  const look = async () => {
    const code = await newestCode()
    if (code) {
      showState(code)
    }
    const isOver = !code || !isOpen(code)
    // The next one is asked for below what became of this one.
    $('code-ask').hidden = !isOver
    if (isOver && code?.state === 'Redeemed') {
      await refreshAccount()
    }
    return isOver
  }
  try {
    const { answer: isOver, pause = INTERVAL } = await askOnce(look, { every: INTERVAL })
    if (!isOver) {
      polling = setTimeout(follow, pause)
    }
  } catch (error) {
    speakOf($('code-title'))
    complain(error)
  }
}

/** Why the other place gave the code back, which ends it. */
const RELEASED = translated({
  AlreadyThere: 'There is a passkey of this account already: nothing was added',
  GivenUp: 'The code was given back there: nothing was added',
  NotMyAccount: 'Whoever opened it said that this is not their account: nothing was added',
})

/** What is shown of a state: how the steps stand, and whether it is over. */
function picture(code) {
  const { origin } = code.claim ?? {}
  const { textContent: address } = whereFrom(code.claim ?? {})
  const opened = [
    'done',
    origin
      ? t('Opened on {host} from {address}', { host: hostOf(origin), address })
      : t('Opened in an application from {address}', { address }),
  ]
  switch (code.state) {
    case 'Issued':
      return { steps: [['now', t('Waiting for the other place')]] }
    case 'Claimed':
      return { steps: [opened, ['now', t('Waiting for the new passkey')]] }
    case 'Redeemed':
      return redeemed(code, opened)
    case 'Released':
      return { steps: [opened, ['bad', RELEASED[code.release.reason] ?? RELEASED.GivenUp]], isOver: true }
    case 'Expired':
      return code.claim
        ? { steps: [opened, ['bad', t('No passkey was added in time')]], isOver: true }
        : { steps: [['bad', t('The minute is over, and the code with it')]], isOver: true }
    default:
      return { steps: [['bad', t('The code is cancelled')]], isOver: true }
  }
}

function redeemed({ approval }, opened) {
  switch (approval?.state) {
    case 'Waiting':
      return { steps: [opened, ['now', t('Waiting for your approval')]], isWaiting: true }
    case 'Refused':
      return { steps: [opened, ['bad', t('The passkey was refused: it is gone')]], isOver: true }
    case 'Expired':
      return { steps: [opened, ['bad', t('It was not approved in time: it is gone')]], isOver: true }
    default:
      return { steps: [opened, ['done', t('The passkey is added')]], isOver: true }
  }
}

function showState(code) {
  const { steps, isOver, isWaiting } = picture(code)
  const list = $('code-state')
  // A screen reader says the list again when it changes, so it is left alone while it does not.
  const said = JSON.stringify(steps)
  if (list.dataset.said !== said) {
    list.dataset.said = said
    list.replaceChildren(
      ...steps.map(([state, words]) => element('li', { class: `step ${state}` }, words)),
    )
  }
  const isIssued = code.state === 'Issued'
  const isShown = isIssued && code.expiration === shown?.expiration
  showLeft(code, isShown)
  $('code-secret').hidden = !isShown
  $('code-lost').hidden = !isIssued || isShown || isGranted(code)
  if (!isIssued) {
    forget(KEPT)
    clearInterval(ticking)
  }
  $('code-stranger').hidden = code.state !== 'Claimed'
  $('code-cancel').hidden = Boolean(isOver || isWaiting)
  if (isWaiting) {
    askForApproval(code)
  } else {
    $('code-approval').hidden = true
  }
}

/** When it is too late for what is waited for. */
function endOf({ approval, claim, expiration, state }) {
  switch (state) {
    case 'Issued':
      return expiration
    case 'Claimed':
      return claim.expiration
    default:
      return approval?.state === 'Waiting' ? approval.expiration : undefined
  }
}

/**
 * How long it can still come what is waited for, except where a code is shown with its seconds; outside of the list,
 * which would be said again and again.
 */
function showLeft(code, isShown) {
  const end = isShown ? undefined : endOf(code)
  $('code-left').hidden = !end
  if (end) {
    $('code-left').textContent = t('{time} left', { time: timeLeft(Date.parse(end)) })
  }
}

/** Shows what the other place wants to add, and asks which number is shown there. */
function askForApproval({ applicationId, approval, dateIssued }) {
  const panel = $('code-approval')
  const { credentialUuid, kind, name, provider, origin } = approval.credential
  if (!panel.hidden && panel.dataset.asked === credentialUuid) {
    return
  }
  // What is asked now is another question, and is shown as one.
  panel.hidden = true
  panel.getClientRects()
  panel.dataset.asked = credentialUuid
  const rows = [
    [t('Name'), name],
    [t('Kind'), kindOf({ kind, provider })],
    [t('For'), here.applications.find(({ id }) => id === applicationId)?.name ?? t('Any application')],
    [t('On'), origin ? hostOf(origin) : t('an application')],
    [t('From'), whereFrom(approval.credential)],
    [t('Code made'), age(dateIssued)],
  ]
  $('code-approval-facts').replaceChildren(...facts(rows))
  $('code-approval-again').hidden = !isGranted({ dateIssued })
  const numbers = approval.numbers.map((number) => {
    const button = element('button', { type: 'button' }, String(number))
    button.onclick = () => decide(button, 'approve', { credentialUuid, number })
    return button
  })
  $('code-approval-numbers').replaceChildren(...numbers)
  $('code-refuse').onclick = () => decide($('code-refuse'), 'refuse', { credentialUuid })
  panel.hidden = false
  panel.scrollIntoView({ block: 'nearest' })
  $('code-approval-title').focus()
}

/** What the owner decides is signed, the number with it. */
function decide(button, verdict, body) {
  return busy(button, t('Confirm with your passkey…'), async () => {
    let late
    try {
      await act('POST', `${PATH}/${verdict}`, body)
    } catch (error) {
      if (error.code !== 'credential_not_found') {
        throw error
      }
      late = new PromptError('decided_already', error)
    } finally {
      await follow()
      // The button that had the focus is gone with the question.
      if ($('code-approval').hidden) {
        $('code-title').focus()
      }
    }
    await refreshAccount()
    if (late) {
      throw late
    }
  })
}

async function cancel() {
  await callSignedIn('DELETE', PATH)
  await follow()
  $('code-title').focus()
}
