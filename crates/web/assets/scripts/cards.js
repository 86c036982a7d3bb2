// The credentials of the signed-in user, as cards.

import { kindOf } from './kinds.js'
import { t, translated } from './language.js'
import { nameIn } from './name-field.js'
import { $, announce, busy, element, facts, hostOf, speakOf, time } from './page.js'
import { confirm } from './question.js'
import { forgetNoticed, noticed } from './scanned.js'
import { act, leave, session } from './session.js'

/** A recovery kit never signs in, so it does not count as a way to do so. */
const isUsable = ({ kind, isActive }) => isActive && kind !== 'RecoveryKey'

const LAST_ONE = t('This is your last way to sign in. Add another passkey first; then this one can be removed.')

/**
 * Fills the list. `refresh` loads and shows everything anew; `signal` tells the browser which credentials
 * there are, for when nobody is signed in any more who could load them; `waiting` is the one that waits for approval.
 */
export function showCards(list, credentials, { refresh, signal, waiting }) {
  const usable = credentials.filter(isUsable)
  const isLast = (credential) => usable.length === 1 && usable[0] === credential
  const loss = (credential) => lossOf(credential, credentials)
  const settle = async ({ credentialUuid }, done, endsSession) => {
    forgetNoticed()
    if (endsSession && isOwn(credentialUuid)) {
      await signal(credentials.filter((other) => other.credentialUuid !== credentialUuid))
      leave('own_credential_gone')
      return
    }
    await refresh()
    const after = buttonOf(list, credentialUuid) ?? $('credentials-title')
    after.focus()
    speakOf(after)
    announce(done)
  }
  const spokenOf = list.querySelector('.messages')?.closest('.credential').dataset.credential
  const ordered = [...credentials].sort((one, other) => place(one) - place(other))
  list.replaceChildren(
    ...ordered.map((credential) => {
      const isWaiting = credential.credentialUuid === waiting
      return card(credential, { isLast: isLast(credential), isWaiting, loss: loss(credential) }, settle)
    }),
  )
  if (spokenOf) {
    speakOf(buttonOf(list, spokenOf))
  }
}

/** The first button of the card of a credential, if there is one. */
const buttonOf = (list, credentialUuid) =>
  list.querySelector(`[data-credential="${CSS.escape(credentialUuid)}"] button`)

/** Asks at once whether that credential is to be taken away: one answer and one prompt. */
export function askToTakeAway(list, credentialUuid) {
  const card = list.querySelector(`[data-credential="${CSS.escape(credentialUuid)}"]`)
  const button = card?.querySelector('[data-takes-away]')
  if (button) {
    card.scrollIntoView()
    button.focus({ preventScroll: true })
    button.click()
  } else {
    forgetNoticed()
    speakOf($('credentials-title'))
    announce(t('That credential cannot be used any more, or it is your last one.'))
  }
}

/**
 * What there is no way to do any more without a credential that can be used now: a passkey opens one domain
 * only, and a recovery kit is what is left when every passkey is lost.
 */
function lossOf(credential, credentials) {
  const { isActive, kind, relyingPartyId } = credential
  const isAnother = (other) => other !== credential && other.isActive && other.kind === kind
  const others = credentials.filter(isAnother)
  if (!isActive) {
    return ''
  }
  if (kind === 'RecoveryKey' && others.length === 0) {
    return t('It is your only recovery kit: without one nobody can let you in again when every passkey is lost.')
  }
  if (kind === 'Fido2' && !others.some((other) => other.relyingPartyId === relyingPartyId)) {
    return t(
      'It is your only passkey for {domain}: without it you cannot sign in there, until you add another one with a code.',
      { domain: relyingPartyId },
    )
  }
  return ''
}

/** What somebody is signed in with comes first, and recovery kits last. */
function place({ credentialUuid, kind }) {
  if (isOwn(credentialUuid)) {
    return 0
  }
  return kind === 'RecoveryKey' ? 2 : 1
}

/** `settle` is called after a change: it shows everything anew, with the focus where the change was. */
function card(credential, { isLast, isWaiting, loss }, settle) {
  const { credentialUuid, isActive, kind } = credential
  const title = element('h3', { id: `title-${credentialUuid}` }, credential.name)
  const badges = element(
    'p',
    { class: 'badges' },
    element('span', { class: isActive ? 'badge good' : 'badge' }, stateOf(isActive, isWaiting)),
    ...hereBadges(credentialUuid),
  )
  const change = (done, endsSession, method, path, body) => (button) =>
    busy(button, t('Confirm with your passkey…'), async () => {
      await act(method, path, body)
      await settle(credential, done, endsSession)
    })
  const path = '/auth/credentials'
  const activate = change(t('It is active again.'), false, 'PUT', `${path}/activate`, { credentialUuid })
  const deactivate = change(t('It is not active any more.'), true, 'PUT', `${path}/deactivate`, {
    credentialUuid,
  })
  const remove = change(t('It is deleted.'), true, 'DELETE', `${path}/${credentialUuid}`)

  const actions = element('div', { class: 'actions' })
  const rename = renaming(credential, actions, settle)
  if (!isWaiting) {
    actions.append(action(t('Rename'), credential, rename))
  }
  if (!isActive && !isWaiting) {
    actions.append(action(t('Activate'), credential, activate))
  } else if (isActive && !isLast && kind !== 'RecoveryKey') {
    const button = action(t('Deactivate'), credential, (button) =>
      askFirst({
        title: t('Deactivate “{name}”?', credential),
        text: sentences(
          noticed() === credentialUuid
            ? t('Added: {facts}. If this was not you, deactivate it.', { facts: added(credential) })
            : sentences(t('It cannot be used until you activate it again.'), loss),
          ownWarning(credentialUuid),
        ),
        button: t('Deactivate'),
        work: () => deactivate(button),
      }),
    )
    button.dataset.takesAway = ''
    actions.append(button)
  }
  if (!isLast) {
    actions.append(
      action(t('Delete'), credential, (button) =>
        askFirst({
          title: t('Delete “{name}”?', credential),
          text: sentences(
            t('It cannot be used any more, and this cannot be undone.'),
            loss,
            ownWarning(credentialUuid),
          ),
          button: t('Delete'),
          work: () => remove(button),
        }),
      ),
    )
  }

  return element(
    'li',
    { class: 'card credential', 'aria-labelledby': title.id, 'data-credential': credentialUuid },
    element('div', { class: 'card-head' }, title, badges),
    factsOf(credential),
    isLast ? element('p', { class: 'hint' }, LAST_ONE) : undefined,
    actions,
  )
}

function stateOf(isActive, isWaiting) {
  if (isWaiting) {
    return t('Waits for your approval')
  }
  return isActive ? t('Active') : t('Not active')
}

const isOwn = (credentialUuid) => session()?.credentialUuid === credentialUuid

const ownWarning = (credentialUuid) =>
  isOwn(credentialUuid) ? t('You are signed in with it, so you will be signed out.') : ''

/** One after another, without those that say nothing. */
const sentences = (...texts) => texts.filter(Boolean).join(' ')

function hereBadges(credentialUuid) {
  if (!isOwn(credentialUuid)) {
    return []
  }
  const words = session().isBuiltIn ? t('This device, signed in') : t('Signed in with this one')
  return [element('span', { class: 'badge accent' }, words)]
}

/** A button whose label tells a screen reader which credential it is for. */
function action(words, { credentialUuid, name }, work) {
  const button = element(
    'button',
    { type: 'button', class: 'small', 'data-not-fresh': !isOwn(credentialUuid) },
    words,
    element('span', { class: 'unseen' }, ` ${name}`),
  )
  button.addEventListener('click', () => work(button))
  return button
}

function factsOf(credential) {
  const rows = [
    [t('Kind'), kindOf(credential)],
    [t('Kit number'), credential.number],
    [t('For'), credential.relyingPartyId || undefined],
    [t('Kept'), synced(credential)],
    [t('Added'), element('span', {}, time(credential.dateCreated), origin(credential))],
    [t('Last used'), credential.lastUsedAt ? time(credential.lastUsedAt) : t('Not yet')],
  ]
  const shown = rows.filter(([, value]) => value !== undefined)
  return element('dl', {}, ...facts(shown))
}

/** Whether the passkey is on one device or goes along to others. */
function synced({ backupEligible, backedUp }) {
  if (backedUp) {
    return t('Synced between devices')
  }
  if (backupEligible) {
    return t('Can be synced, but is on one device only')
  }
  return backupEligible === false ? t('On one device only') : undefined
}

const MADE_BY = translated({
  code: 'with a code',
  credential: 'while signed in',
  recovery: 'in a recovery',
  registration: 'at registration',
})

function origin({ createdBy, createdOrigin, createdAddress }) {
  const parts = [
    MADE_BY[createdBy],
    createdOrigin && t('on {host}', { host: hostOf(createdOrigin) }),
    createdAddress && t('from {address}', { address: createdAddress }),
  ]
  return parts.filter(Boolean).map((part) => `, ${part}`).join('')
}

/** When and how it was made, in words: what whoever was told of it by mail decides by. */
const added = (credential) => time(credential.dateCreated).textContent + origin(credential)

/** The button's work: a field for the name, and saving it is a signed change. */
function renaming(credential, actions, settle) {
  const { credentialUuid } = credential
  return (button) => {
    const field = element('input', {
      id: `name-${credentialUuid}`,
      value: credential.name,
      maxlength: '128',
      required: true,
      autocomplete: 'off',
      'aria-describedby': 'alert',
    })
    const save = element('button', { class: 'small primary' }, t('Save'))
    const close = () => {
      form.remove()
      actions.hidden = false
      button.focus()
    }
    const cancel = element('button', { type: 'button', class: 'small', onclick: close }, t('Cancel'))
    const form = element(
      'form',
      { class: 'renaming' },
      element('label', { for: field.id }, t('New name')),
      field,
      element('div', { class: 'actions' }, save, cancel),
    )
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      const name = field.value.trim()
      if (!name) {
        // The browser says that it must be filled in.
        field.value = ''
        field.reportValidity()
        return
      }
      if (name === credential.name) {
        close()
        return
      }
      busy(save, t('Confirm with your passkey…'), async () => {
        await act('PUT', `/auth/credentials/${credentialUuid}`, { name: nameIn(field) })
        await settle(credential, t('It has its new name.'), false)
      })
    })
    form.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') {
        close()
      }
    })
    actions.hidden = true
    actions.before(form)
    field.select()
    field.focus()
  }
}

/** Asks before a credential is taken away. Whoever says yes has yet to sign it, and may have to sign in before. */
const askFirst = (asked) =>
  confirm({ ...asked, kind: 'danger', safe: t('Keep it'), otherwise: forgetNoticed })
