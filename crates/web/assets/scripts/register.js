// `/register`: the first passkey, and a recovery kit.

import { call } from './api.js'
import { nameOfThisDevice } from './device.js'
import { makeKit } from './kit.js'
import { showKit } from './kit-panel.js'
import { t, translated } from './language.js'
import { create } from './passkeys.js'
import { $, busy, complain, introduce, say, show, takeFragment } from './page.js'
import { signInAndGoOn } from './return.js'
import { sayOnThisPage } from './texts.js'

sayOnThisPage(translated({
  challenge_invalid: 'This took too long, or the registration was completed already. Open your link again.',
  invalid_code: 'This link is not valid, or it was used already. If you have registered, go to the sign-in page; otherwise have a new one sent.',
  registration_code_expired: 'This link has expired. Have a new one sent.',
  typed_code_wrong: 'This code is not one for this user name, or it was used already. Check both; if you have registered, go to the sign-in page.',
  passkey_already_here: 'This device already has a passkey for this account. Use another device, or remove that passkey first.',
}))

/** What the link says: `code`, `username` and `orgId`. */
const link = new URLSearchParams(takeFragment())

/** Shows whom the invitation is for, if it is still good. */
async function welcome({ orgId, username, code }) {
  const challenge = await call('POST', '/auth/registration/init', {
    body: { orgId, username, registrationCode: code },
  })
  $('user').textContent = challenge.user.displayName
  show('create')
  say('')
  return challenge
}

async function register(challenge) {
  const passkey = await create(challenge)
  say(t('Making your recovery kit…'))
  const { kit, credential } = await makeKit(challenge)
  await call('POST', '/auth/registration', {
    token: challenge.temporaryAuthenticationToken,
    body: {
      firstFactorCredential: { ...passkey, credentialName: nameOfThisDevice() },
      recoveryCredential: credential,
    },
  })
  return kit
}

async function begin() {
  let here
  let challenge
  $('create-button').addEventListener('click', () =>
    busy($('create-button'), t('Answer the prompt of your browser…'), async () => {
      const kit = await register(challenge)
      showKit(kit, here)
      show('kit')
    }),
  )
  $('sign-in-button').addEventListener('click', () =>
    busy($('sign-in-button'), t('Answer the prompt of your browser…'), () =>
      signInAndGoOn(here, { username: challenge.user.name }),
    ),
  )
  $('enter').addEventListener('submit', (event) => {
    event.preventDefault()
    busy($('enter-button'), t('Looking the code up…'), async () => {
      const typed = { username: $('username').value.trim(), code: $('code').value.trim() }
      try {
        challenge = await welcome({ orgId: here.organization.id, ...typed })
      } catch (error) {
        throw error.code === 'invalid_code' ? Object.assign(error, { code: 'typed_code_wrong' }) : error
      }
    })
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

  try {
    say(t('One moment…'))
    here = await introduce()
    if (!link.get('code')) {
      show('resend')
      return
    }
    challenge = await welcome(Object.fromEntries(link))
  } catch (error) {
    if (here) {
      $('username').value = link.get('username') ?? ''
      show('resend')
    }
    complain(error)
  }
}

begin()
