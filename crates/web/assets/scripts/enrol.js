// `/enrol`: a passkey with a code, where nobody is signed in.

import { Unreachable, call } from './api.js'
import { nameOfThisDevice } from './device.js'
import { create, hasAuthenticator, isSupported } from './passkeys.js'
import { $, busy, complain, hostOf, introduce, say, show, takeFragment } from './page.js'
import { goOn, isReturning } from './return.js'
import { signIn } from './session.js'
import { explain, sayOnThisPage } from './texts.js'

sayOnThisPage({
  challenge_invalid:
    'This took too long, or the code was cancelled in the meantime. Get a new code on your other device and begin again.',
  no_application: 'No application is registered for this address. Check the address and try again.',
})

/** How often to ask whether the other place has approved, in milliseconds. */
const INTERVAL = 2000

let here
let challenge

/** The code becomes a challenge, which says whose account it is. From here on the code is used. */
async function claim(code) {
  challenge = await call('POST', '/auth/credentials/code/init', {
    body: { credentialKind: 'Fido2', code },
  })
  const { displayName, name } = challenge.user
  $('user').textContent = displayName
  $('user-name').textContent = displayName === name ? '' : name
  $('domain').textContent = challenge.rp.id
  $('name').value = nameOfThisDevice()
  $('code').value = ''
  show('confirm')
}

/** Where there is a passkey already, there is nothing to add. */
const ALREADY_HERE = ['credential_id_taken', 'passkey_already_here']

/** After these the code is of no more use; after others, the same challenge can be answered again. */
const ENDS_CEREMONY = ['challenge_invalid', 'too_many_credentials', ...ALREADY_HERE]

async function add() {
  const passkey = await create(challenge)
  say('Adding the passkey…')
  const credential = await call('POST', '/auth/credentials/code/verify', {
    body: {
      ...passkey,
      challengeIdentifier: challenge.challengeIdentifier,
      credentialName: $('name').value.trim() || nameOfThisDevice(),
    },
  })
  $('added-name').textContent = credential.name
  if (credential.approvalToken) {
    $('waiting-name').textContent = credential.name
    show('waiting')
    await approval(credential.approvalToken)
  } else {
    show('done')
  }
}

const OUTCOMES = {
  Expired: 'Nobody approved the passkey in time. Get a new code on your other device and begin again.',
  Refused: 'The passkey was refused on your other device. If that was a mistake, get a new code there and begin again.',
}

/** Waits for the other place to approve or refuse. */
async function approval(approvalToken) {
  for (;;) {
    const state = await ask(approvalToken)
    if (state === 'Approved') {
      show('done')
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
    say('The service cannot be reached; still trying.')
    return 'Waiting'
  }
}

/** Nothing more can be done with this code; what can be done instead comes first. */
function end(text, { isAlreadyHere = false } = {}) {
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
    busy($('enter-button'), 'Looking the code up…', () => claim(code))
  })
  $('confirm').addEventListener('submit', (event) => {
    event.preventDefault()
    busy($('create-button'), 'Answer the prompt of your browser…', () =>
      add().catch((error) => {
        if (!ENDS_CEREMONY.includes(error.code)) {
          throw error
        }
        end(explain(error), { isAlreadyHere: ALREADY_HERE.includes(error.code) })
      }),
    )
  })
  $('try').addEventListener('click', () =>
    busy($('try'), 'Answer the prompt of your browser…', async () => {
      await signIn(here ?? (await introduce()), { username: challenge.user.name })
      if (isReturning()) {
        await goOn()
      } else {
        show('tried')
      }
    }),
  )
  $('not-me').addEventListener('click', () =>
    end('Nothing was added. Ask whoever gave you the code, or get one from your own account.'),
  )
  $('ended-again').addEventListener('click', () => {
    show('enter')
    $('code').focus()
  })

  const code = takeFragment()
  if (!isSupported()) {
    // The code stays good for another browser.
    show('unsupported')
    return
  }
  hasAuthenticator().then((has) => ($('key-hint').hidden = has))
  if (code) {
    // Whoever opens a link may be a scanner or a preview: nothing is used before the button is pressed.
    $('code').value = code
    $('enter-button').focus()
  }
}

begin()
