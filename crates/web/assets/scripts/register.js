// `/register`: the first passkey, and a recovery kit.

import { call } from './api.js'
import { codeField } from './code-field.js'
import { nameOfThisDevice } from './device.js'
import { forget, keep, kept } from './kept.js'
import { makeKit } from './kit.js'
import { goOnFromKit, showKit } from './kit-panel.js'
import { t, translated } from './language.js'
import { PromptError, make } from './passkeys.js'
import { $, busy, complain, element, hintAtSecurityKeys, introduce, load, say, show, takeFragment } from './page.js'
import { goOn, signInAndGoOn } from './return.js'
import { hasPasskey, inMemory, sendOnce } from './sent.js'
import { beginSession, liveSession, onSharedSession, onSignOut, sharedSession } from './session.js'
import { sayOnThisPage } from './texts.js'

sayOnThisPage(translated({
  challenge_invalid: 'This took too long, or the registration was completed already. If you have registered, go to the sign-in page; otherwise open your link again.',
  invalid_code: 'This link is not valid, or it was used already. If you have registered, go to the sign-in page; otherwise have a new one sent.',
  code_cut_off: 'This is not a whole registration code: it begins with rc_ and has 43 letters, digits, dashes and underscores more. Copy all of it from your invitation.',
  link_damaged:
    'This link is damaged. Open it again from your invitation, or enter the user name and the registration code that stand beside it.',
  registration_code_expired: 'This link has expired. Have a new one sent.',
  typed_code_wrong: 'This code is not one for this user name, or it was used already. Check both; if you have registered, go to the sign-in page.',
  passkey_already_here: 'This device already has a passkey for this account. Use another device, or remove that passkey first.',
}))

/** What the link says: `code`, `username` and `orgId`. */
const link = Object.fromEntries(new URLSearchParams(takeFragment()))

/** The invitation, as this tab keeps it: a page that is loaded anew has no link any more. */
const KEPT = 'invitation'

/** How long an invitation is good at most, in milliseconds. */
const INVITATION = 4 * 60 * 60_000

/** After these the invitation is of no more use. */
const ENDS_INVITATION = ['invalid_code', 'link_damaged', 'registration_code_expired']

/** So an invitation is refused that cannot be one. */
const DAMAGED = ['invalid_field', 'organization_required']

function keepInvitation({ orgId, username, code }) {
  keep(KEPT, { orgId, username, code }, Date.now() + INVITATION)
}

/** Shows whom the invitation is for, if it is still good. */
async function welcome({ orgId, username, code }) {
  const challenge = await call('POST', '/auth/registration/init', {
    body: { orgId, username, registrationCode: code },
  })
  keepInvitation({ orgId, username, code })
  $('user').textContent = challenge.user.displayName
  show('create')
  say('')
  return challenge
}

/** Where passkey and kit are until an answer says what came of them. */
const PLACE = inMemory()

/** Passkey and kit, as they are sent. */
async function makeBoth(challenge) {
  const made = await make(challenge)
  say(t('Making your recovery kit…'))
  const { kit, credential } = await makeKit(challenge)
  const body = {
    firstFactorCredential: { ...made.passkey, credentialName: nameOfThisDevice() },
    recoveryCredential: credential,
    signIn: true,
  }
  return { ...made, token: challenge.temporaryAuthenticationToken, body, kit }
}

/** Registers passkey and kit, which begins a session too; answers the kit, and whether somebody is signed in now. */
async function register(here, challenge) {
  const { sent, answer } = await sendOnce(PLACE, {
    make: () => makeBoth(challenge),
    send: ({ token, body }) => call('POST', '/auth/registration', { token, body }),
    outcome: async ({ passkey }) => ((await hasPasskey(here, challenge.user.name, passkey)) ? {} : undefined),
  })
  const { authentication } = answer
  forget(KEPT)
  const isSignedIn = Boolean(authentication) && beginSession(authentication.token, sent.isBuiltIn)
  return { kit: sent.kit, isSignedIn }
}

/** Who is signed in here, and may have registered a moment ago, is led on. */
async function offerAccount() {
  const signedIn = await liveSession()
  $('back-user').textContent = signedIn?.username ?? ''
  $('back').hidden = !signedIn
  return signedIn
}

/**
 * Nobody registers any more with what was begun here: perhaps because that user has, and is signed in, in this tab or
 * another one. Answers whether that is so.
 */
async function lead(username) {
  await sharedSession()
  onSharedSession(offerAccount)
  const signedIn = await offerAccount()
  show('resend')
  // A damaged link may name nobody.
  return Boolean(signedIn) && signedIn.username === username
}

async function begin() {
  if (link.code) {
    keepInvitation(link)
  }
  const invitation = link.code ? link : kept(KEPT)
  let here
  let challenge
  let registered
  $('create-button').addEventListener('click', () =>
    busy($('create-button'), t('Answer the prompt of your browser…'), async () => {
      try {
        registered = await register(here, challenge)
      } catch (error) {
        if (error.code !== 'challenge_invalid') {
          throw error
        }
        if (!(await lead(challenge.user.name))) {
          complain(error, element('a', { class: 'button', href: './' }, t('Go to the sign-in page')))
        }
        return
      }
      showKit(registered.kit, here)
      show('kit')
    }),
  )
  $('sign-in-button').addEventListener('click', () =>
    goOnFromKit(registered.kit, () =>
      busy($('sign-in-button'), t('One moment…'), () =>
        registered.isSignedIn ? goOn() : signInAndGoOn(here, { username: challenge.user.name }),
      ),
    ),
  )
  const withCode = codeField($('code'), { long: 'rc_' }, ['registration_code_expired', 'typed_code_wrong'])
  $('enter').addEventListener('submit', (event) => {
    event.preventDefault()
    const enter = async (code) => {
      const typed = { username: $('username').value.trim(), code }
      try {
        challenge = await welcome({ orgId: here.organization.id, ...typed })
      } catch (error) {
        throw error.code === 'invalid_code' ? Object.assign(error, { code: 'typed_code_wrong' }) : error
      }
    }
    busy($('enter-button'), t('Looking the code up…'), () => withCode(enter))
  })
  $('resend-button').addEventListener('click', () => {
    if (!$('username').reportValidity()) {
      return
    }
    busy($('resend-button'), t('Asking for a new link…'), async () => {
      await call('PUT', '/auth/registration/code', {
        body: { username: $('username').value.trim(), orgId: here.organization.id },
      })
      // Whether there is such a user, and whether mail is sent at all, is told to nobody.
      say(
        t(
          'If somebody has invited you under this name, and this service sends mail, a new link comes to your mailbox. If none comes, ask whoever invited you.',
        ),
      )
    })
  })

  hintAtSecurityKeys()
  offerAccount()
  onSharedSession(offerAccount)
  onSignOut(offerAccount)
  await load(t('One moment…'), async () => {
    here = await introduce()
    if (!invitation) {
      $('username').value = link.username ?? ''
      show('resend')
      $('username').focus()
      return
    }
    try {
      challenge = await welcome(invitation)
    } catch (refused) {
      const error = DAMAGED.includes(refused.code) ? new PromptError('link_damaged', refused) : refused
      $('username').value = invitation.username ?? ''
      if (!ENDS_INVITATION.includes(error.code)) {
        show('resend')
        throw error
      }
      forget(KEPT)
      if (!(await lead(invitation.username))) {
        complain(error)
      }
    }
  })
}

begin()
