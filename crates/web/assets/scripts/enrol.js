// `/enrol`: a passkey with a code, where nobody is signed in.

import { Unreachable, call } from './api.js'
import { nameOfThisDevice } from './device.js'
import { forget, keep, kept } from './kept.js'
import { t, translated } from './language.js'
import { create, hasAuthenticator, isSupported } from './passkeys.js'
import { $, busy, complain, hostOf, introduce, say, show, takeFragment } from './page.js'
import { isReturning, signInAndGoOn } from './return.js'
import { signIn } from './session.js'
import { explain, sayOnThisPage } from './texts.js'

sayOnThisPage(translated({
  challenge_invalid:
    'This took too long, or the code was cancelled in the meantime. Get a new code on your other device and begin again.',
  no_application: 'No application is registered for this address. Check the address and try again.',
}))

/** How often to ask whether the other place has approved, in milliseconds. */
const INTERVAL = 2000

/** What this tab keeps: the code of a link, then the challenge that came of it, then what waits for approval. */
const KEPT = 'enrol'

/** How long a code, a challenge and an approval token are good, in milliseconds. */
const CODE = 60_000
const CHALLENGE = 5 * 60_000
const APPROVAL = 10 * 60_000

let here
let challenge

/** The code becomes a challenge, which says whose account it is. From here on the code is used. */
async function claim(code) {
  challenge = await call('POST', '/auth/credentials/code/init', {
    body: { credentialKind: 'Fido2', code },
  })
  keep(KEPT, { code, challenge }, Date.now() + CHALLENGE)
  confirm()
}

/** Shows whose account it is, and asks. */
function confirm() {
  const { credentialName, user } = challenge
  const { displayName, name } = user
  $('user').textContent = displayName
  $('user-name').textContent = displayName === name ? '' : name
  $('domain').textContent = challenge.rp.id
  $('account').textContent = name
  $('name').value = credentialName ?? nameOfThisDevice()
  // Who made the code may have said what it is called.
  $('name').readOnly = Boolean(credentialName)
  $('code').value = ''
  show('confirm')
}

/**
 * Gives the code back, so that its owner need not wait. A page that is closed cannot: it looks like one that is
 * loaded anew, which goes on with the same challenge.
 */
async function giveBack({ challengeIdentifier }, reason) {
  try {
    await call('POST', '/auth/credentials/code/release', {
      body: { challengeIdentifier, reason },
      keepalive: true,
    })
  } catch {
    // The owner sees it when the time of the challenge is over.
  }
}

/** Where there is a passkey already, there is nothing to add. */
const ALREADY_HERE = ['credential_id_taken', 'passkey_already_here']

/** After these the code is of no more use; after others, the same challenge can be answered again. */
const ENDS_CEREMONY = ['challenge_invalid', 'too_many_credentials', ...ALREADY_HERE]

async function add() {
  const passkey = await create(challenge)
  say(t('Adding the passkey…'))
  const credential = await call('POST', '/auth/credentials/code/verify', {
    body: {
      ...passkey,
      challengeIdentifier: challenge.challengeIdentifier,
      credentialName: $('name').value.trim() || nameOfThisDevice(),
    },
  })
  const { approvalToken, name, number } = credential
  if (approvalToken) {
    const made = { approvalToken, name, number }
    keep(KEPT, { ...kept(KEPT), challenge, made }, Date.now() + APPROVAL)
    await wait(made)
  } else {
    finish(name)
  }
}

function finish(name) {
  forget(KEPT)
  $('added-name').textContent = name
  show('done')
}

const OUTCOMES = translated({
  Expired: 'Nobody approved the passkey in time. Get a new code on your other device and begin again.',
  Refused: 'The passkey was refused on your other device. If that was a mistake, get a new code there and begin again.',
})

/** Waits for the other place to approve or refuse. */
async function wait({ approvalToken, name, number }) {
  $('waiting-name').textContent = name
  $('waiting-number').textContent = number
  show('waiting')
  for (;;) {
    const state = await ask(approvalToken)
    if (state === 'Approved') {
      finish(name)
      return
    }
    if (state !== 'Waiting') {
      end(OUTCOMES[state] ?? OUTCOMES.Expired)
      return
    }
    await new Promise((wake) => setTimeout(wake, INTERVAL))
  }
}

/** A connection that is gone for a moment does not end the waiting. */
async function ask(approvalToken) {
  try {
    const { state } = await call('POST', '/auth/credentials/code/status', { body: { approvalToken } })
    say('')
    return state
  } catch (error) {
    if (!(error instanceof Unreachable)) {
      throw error
    }
    say(t('The service cannot be reached; still trying.'))
    return 'Waiting'
  }
}

/** Nothing more can be done with this code; what can be done instead comes first. */
function end(text, { isAlreadyHere = false } = {}) {
  forget(KEPT)
  $('give-up').hidden = true
  $('ended-text').textContent = text
  $('ended-again').hidden = isAlreadyHere
  $('ended-sign-in').classList.toggle('primary', isAlreadyHere)
  show('ended')
}

function begin() {
  introduce().then((found) => (here = found), complain)

  $('enter').addEventListener('submit', (event) => {
    event.preventDefault()
    const code = $('code').value.trim()
    if (!code) {
      $('code').focus()
      return
    }
    busy($('enter-button'), t('Looking the code up…'), () => claim(code))
  })
  $('confirm').addEventListener('submit', (event) => {
    event.preventDefault()
    busy($('create-button'), t('Answer the prompt of your browser…'), () =>
      add().catch((error) => {
        if (!ENDS_CEREMONY.includes(error.code)) {
          $('give-up').hidden = false
          throw error
        }
        const isAlreadyHere = ALREADY_HERE.includes(error.code)
        if (error.code !== 'challenge_invalid') {
          giveBack(challenge, isAlreadyHere ? 'AlreadyThere' : 'GivenUp')
        }
        end(explain(error), { isAlreadyHere })
      }),
    )
  })
  $('try').addEventListener('click', () =>
    busy($('try'), t('Answer the prompt of your browser…'), async () => {
      const place = here ?? (await introduce())
      const who = { username: challenge.user.name }
      if (isReturning()) {
        await signInAndGoOn(place, who)
      } else {
        await signIn(place, who)
        show('tried')
      }
    }),
  )
  $('not-me').addEventListener('click', () => {
    giveBack(challenge, 'NotMyAccount')
    end(
      t('Nothing was added. The code has ended, and whoever gave it to you sees that. Get one from your own account.'),
    )
  })
  $('give-up').addEventListener('click', () => {
    giveBack(challenge, 'GivenUp')
    end(t('Nothing was added. The code has ended: to try again, get a new one on your other device.'))
  })
  $('ended-again').addEventListener('click', () => {
    show('enter')
    $('code').focus()
  })

  const before = kept(KEPT) ?? {}
  const code = takeFragment()
  if (!isSupported()) {
    // The code stays good for another browser.
    show('unsupported')
    return
  }
  hasAuthenticator().then((has) => ($('key-hint').hidden = has))
  if (before.challenge && (!code || code === before.code)) {
    takeUp(before)
  } else {
    if (before.challenge && !before.made) {
      giveBack(before.challenge, 'GivenUp')
    }
    offer(code, before)
  }
}

/** The page is loaded anew in the middle of it. */
function takeUp({ challenge: begun, made }) {
  challenge = begun
  if (made) {
    wait(made).catch(complain)
  } else {
    confirm()
  }
}

/** A code that came with the link. */
function offer(code, before) {
  if (code) {
    keep(KEPT, { code }, Date.now() + CODE)
  }
  const given = code || before.code
  if (given) {
    // Whoever opens a link may be a scanner or a preview: nothing is used before the button is pressed.
    $('code').value = given
    $('enter-button').focus()
  }
}

begin()
