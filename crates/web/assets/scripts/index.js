// `/`: sign in with a passkey.

import { t, translated } from './language.js'
import { PromptError, hasAutofill, isSupported } from './passkeys.js'
import { $, busy, complain, element, hostOf, introduce, say } from './page.js'
import { announceReturn, goOn, isReturning, signInAndGoOn, takeReturn } from './return.js'
import { linked, noticed, scanned } from './scanned.js'
import { liveSession, onSharedSession, onSignOut, takeNotice } from './session.js'
import { sayOnThisPage } from './texts.js'

sayOnThisPage(translated({
  challenge_invalid:
    'This passkey or your account was deactivated, or the prompt was open for too long. Try again, or use another passkey. If you are signed in on another device, see there whether it is active; if none works, ask whoever invited you.',
  no_usable_credential:
    'No passkey of this account works here. If you have one on another device, get a code there and choose “I have a code”. If none works any more, your account may have been deactivated: ask whoever invited you.',
  prompt_dismissed:
    'The prompt was closed before it was answered: try again. If your passkey is on another device, get a code there and choose “I have a code”.',
  username_without_passkey:
    'There is no passkey that works here for this user name. Check how it is spelled. If you have a passkey on another device, get a code there and choose “I have a code”. If none works any more, your account may have been deactivated: ask whoever invited you.',
}))

const NOTICES = translated({
  own_credential_gone: 'The passkey you were signed in with is no longer active. Sign in with another one.',
  session_ended: 'Your session has ended. Sign in again.',
  sign_in_first: 'You are not signed in here. Sign in, and your account opens.',
  sign_in_to_approve: 'Sign in, and the device that shows the code can be approved.',
  sign_in_to_take_away: 'Sign in, and the passkey that you were told of can be taken away.',
  signed_out: 'You are signed out.',
})

/** Challenges live five minutes; what waits for autofill asks for a new one before that. */
const AUTOFILL_AGE = 4 * 60 * 1000

let waiting

/** Offers passkeys in the user name field, for as long as nothing else is asked. */
async function offerAutofill(here) {
  if (!(await hasAutofill())) {
    return
  }
  for (;;) {
    waiting = new AbortController()
    const { signal } = waiting
    const renewal = setTimeout(() => waiting.abort('renewal'), AUTOFILL_AGE)
    try {
      await signInAndGoOn(here, { mediation: 'conditional', signal })
      return
    } catch (error) {
      if (signal.reason !== 'renewal') {
        // Whoever pressed the button is told there; what autofill could not do is no news.
        if (!signal.aborted && error.code !== 'prompt_dismissed') {
          complain(error)
        }
        return
      }
    } finally {
      clearTimeout(renewal)
    }
  }
}

/** What is said to who was sent here for want of a session: what they wanted it for, if that is known. */
function whySignIn(notice) {
  if (!['session_ended', 'sign_in_first'].includes(notice)) {
    return notice
  }
  return scanned() ? 'sign_in_to_approve' : noticed() ? 'sign_in_to_take_away' : notice
}

/** These send somebody here for nothing but a session. */
const WANTS_SESSION = ['sign_in_first', 'sign_in_to_approve', 'sign_in_to_take_away']

/** Who is signed in already, in this tab or another one, need not sign in again. */
async function offerSession() {
  const signedIn = await liveSession()
  $('back-user').textContent = signedIn?.username ?? ''
  $('back').hidden = !signedIn || isReturning()
  $('go-back').hidden = !signedIn || !isReturning()
  $('go-back-user').textContent = signedIn?.username ?? ''
  return signedIn
}

/**
 * A passkey opens one domain only, and whoever has scanned a code, or was told of a credential by mail, may have theirs
 * for another one: they go on there, with what the link was about.
 */
function offerElsewhere({ application, applications }) {
  const fragment = linked()
  const others = applications.filter(({ id, accountUrl }) => accountUrl && id !== application.id)
  $('elsewhere').hidden = !fragment || others.length === 0
  $('elsewhere-list').replaceChildren(
    ...others.map(({ name, accountUrl }) => {
      const link = { class: 'button wide', href: `${accountUrl}#${fragment}` }
      return element('li', {}, element('a', link, `${name} (${hostOf(accountUrl)})`))
    }),
  )
}

async function begin() {
  const notice = whySignIn(takeNotice())
  say(NOTICES[notice] ?? '')
  takeReturn()
  if (!isSupported()) {
    complain('no_webauthn')
  }
  // Whoever presses the button hears of it again.
  introduce().then((here) => {
    const refused = announceReturn(here)
    if (refused) {
      complain(refused)
    }
    offerElsewhere(here)
    const goOnWithSession = async () => {
      const signedIn = await offerSession()
      // Another tab was slow to give it. Who answers a prompt goes on with that.
      if (signedIn && WANTS_SESSION.includes(notice) && $('sign-in-button').ariaBusy !== 'true') {
        location.assign('./account')
      }
    }
    goOnWithSession()
    onSharedSession(goOnWithSession)
    return offerAutofill(here)
  }, complain)
  onSignOut(offerSession)
  $('go-back-button').addEventListener('click', () =>
    busy($('go-back-button'), t('Going back…'), goOn),
  )
  $('sign-in').addEventListener('submit', (event) => {
    event.preventDefault()
    busy($('sign-in-button'), t('Answer the prompt of your browser…'), async () => {
      waiting?.abort('button')
      const username = $('username').value.trim() || undefined
      try {
        await signInAndGoOn(await introduce(), { username })
      } catch (error) {
        // Whether there is nobody of that name is told to nobody.
        const isOfName = username && error.code === 'no_usable_credential'
        throw isOfName ? new PromptError('username_without_passkey', error) : error
      }
    })
  })
  // Only what listens is shown.
  $('sign-in').hidden = false
}

begin()
