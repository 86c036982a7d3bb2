// `/enrol`: a passkey with a code, where nobody is signed in.

import { call, serviceNow } from './api.js'
import { awaitGrant, isAsking, openRequest, stopAsking } from './ask-panel.js'
import { askUntil, pause } from './asking.js'
import { giveBack, hasEnded, release, statusOf } from './claimed.js'
import { codeField, flawIn } from './code-field.js'
import { nameHere, nameOfThisDevice } from './device.js'
import { forget, keep, kept } from './kept.js'
import { t, translated } from './language.js'
import { nameIn } from './name-field.js'
import { isSupported, make, signalVoid } from './passkeys.js'
import { $, busy, complain, hintAtSecurityKeys, introduce, say, show, takeFragment, timeLeft } from './page.js'
import { goOn, isReturning, signInAndGoOn } from './return.js'
import { isDecided, sendOnce } from './sent.js'
import { beginSession, liveSession, onSharedSession, session, signIn } from './session.js'
import { explain, sayOnThisPage } from './texts.js'

sayOnThisPage(translated({
  challenge_invalid:
    'This took too long, or the code was cancelled in the meantime. Begin again with a new code.',
}))

/** How often to ask whether the other place has approved, in milliseconds. */
const INTERVAL = 2000

/**
 * What this tab keeps: the code of a link, until it is used; and the challenge that came of one, with the passkey that
 * was made for it, as long as no answer says what came of that, and then with what waits for approval.
 */
const LINK = 'enrol-link'
const KEPT = 'enrol'

/** And the code that was sent, as long as no answer says whether it was used. */
const TRIED = 'enrol-tried'

/** Which codes are taken here. */
const CODES = { hasShort: true, long: 'cc_' }

/** How long a code, a challenge and an approval token are good at most, in milliseconds. */
const CODE = 60_000
const CHALLENGE = 10 * 60_000
const APPROVAL = 10 * 60_000

/** For how long after a code was used the service tells at least what came of its challenge, in milliseconds. */
const TOLD = 5 * 60_000

/** How long a passkey waits for approval, in milliseconds, from when it was sent. */
const WAIT = 5 * 60_000

let here

/** What is known here of the code that was used: what the tab keeps, for as long as this page is there. */
let ceremony = {}

/** Notes more of it, or other things. */
function note(changes) {
  ceremony = { ...ceremony, ...changes }
  keep(KEPT, ceremony, Date.now() + CHALLENGE)
}

/**
 * The code becomes a challenge, which says whose account it is. From here on the code is used. `hasAsked` says that
 * this place asked for it, and showed it.
 */
async function claim(code, hasAsked = false) {
  const earlier = kept(KEPT)
  const isSentAgain = kept(TRIED) === code
  keep(TRIED, code, Date.now() + CODE)
  let challenge
  try {
    challenge = await call('POST', '/auth/credentials/code/init', {
      body: { credentialKind: 'Fido2', code },
    })
  } catch (error) {
    // Who has to wait learns nothing of an earlier try.
    if (isDecided(error) || (error.status < 500 && !isSentAgain)) {
      forget(TRIED)
    }
    if (isSentAgain && error.code === 'invalid_code') {
      forget(LINK)
      end(
        t(
          'An answer was lost on its way, and this page has probably used the code with it: a code is good once. Cancel it where you are signed in, and begin again with a new one.',
        ),
        { hasAsked },
      )
      return
    }
    throw error
  }
  forget(TRIED)
  // Whoever goes on with this one does not with an earlier one, unless that waits for approval.
  if (earlier && !earlier.made) {
    giveBack(earlier.challenge, 'GivenUp')
  }
  forget(LINK)
  stopAsking()
  $('earlier').hidden = true
  ceremony = {}
  note({ code, challenge, claimedAt: serviceNow(), hasAsked })
  await confirm()
}

/** Shows whose account it is, and asks. */
async function confirm() {
  const { called, challenge } = ceremony
  const { credentialName, rp, user } = challenge
  const { displayName, name } = user
  // With other domains there is another passkey of this account, which may be called like this device.
  const { applications } = (await introduce().catch(() => undefined)) ?? { applications: [] }
  const usual = applications.length > 1 ? nameHere(rp.id) : nameOfThisDevice()
  $('user').textContent = displayName
  $('user-name').textContent = displayName === name ? '' : name
  tellOfSession()
  $('domain').textContent = rp.id
  $('account').textContent = name
  $('name').defaultValue = usual
  $('name').value = credentialName ?? (called || usual)
  // Who made the code may have said what it is called.
  $('name').readOnly = Boolean(credentialName)
  $('name-hint').textContent = credentialName
    ? t('Whoever made the code has named it, so it stays so.')
    : t('So that you recognize it in your account.')
  fillIn('')
  show('confirm')
}

/**
 * Whoever is signed in here as somebody else may be about to take up an account that somebody has sent them: they are
 * told at once, unless the service has said that the session has ended.
 */
function tellOfSession() {
  const tell = ({ username } = {}) => {
    $('signed-in-user').textContent = username ?? ''
    $('signed-in').hidden = !username || username === ceremony.challenge?.user.name
  }
  tell(session())
  liveSession().then(tell)
}

/** Where there is a passkey already, there is nothing to add. */
const ALREADY_HERE = ['credential_id_taken', 'passkey_already_here']

/** After these the code is of no more use; after others, the same challenge can be answered again. */
const ENDS_CEREMONY = ['challenge_invalid', 'too_many_credentials', ...ALREADY_HERE]

/** Where the passkey is until an answer says what came of it: a page that is loaded anew sends it again, too. */
const PLACE = {
  get: () => ceremony.sent,
  set: (sent) => note({ sent, sentAt: undefined }),
}

/** Nobody is asked for a passkey that would open nothing: answers whether the code has ended, and nothing was made. */
async function endUnmade({ challenge, sent }) {
  const isOver = !sent && (await hasEnded(challenge))
  if (isOver) {
    end(explain('challenge_invalid'))
  }
  return isOver
}

async function add() {
  const { challenge } = ceremony
  if (await endUnmade(ceremony)) {
    return
  }
  const { sent, answer } = await sendOnce(PLACE, {
    make: async () => {
      say(t('Answer the prompt of your browser…'))
      const credentialName = nameIn($('name')) || $('name').defaultValue
      return { ...(await make(challenge)), credentialName, madeAt: serviceNow() }
    },
    send,
    outcome: () => outcomeOf(ceremony),
  })
  await settle(answer, sent)
}

/** Sends it, and notes when: again only if it is not known to be there, so that it waits since it was sent last. */
async function send({ credentialName, passkey }) {
  say(t('Adding the passkey…'))
  const { challenge, sentAt } = ceremony
  const status = sentAt && (await statusOf(challenge))
  if (status) {
    return status
  }
  note({ sentAt: serviceNow() })
  const { challengeIdentifier } = challenge
  return call('POST', '/auth/credentials/code/verify', {
    body: { ...passkey, challengeIdentifier, credentialName, signIn: true },
  })
}

/**
 * What came of a challenge that is of no more use: `Unknown` when it is too late to ask, unless it was too late already
 * when the passkey was made.
 */
async function outcomeOf({ challenge, claimedAt, sent }) {
  const until = claimedAt + TOLD
  const isKnown = serviceNow() < until || sent.madeAt >= until
  return (await statusOf(challenge)) ?? (isKnown ? undefined : { state: 'Unknown' })
}

/** What comes after: the passkey waits for approval, has signed in, can be used, or is gone again. */
async function settle(answer, { credentialName, isBuiltIn }) {
  const { approvalToken, authentication, dateCreated, number, state = 'Approved' } = answer
  const name = answer.name ?? credentialName
  if (approvalToken) {
    const since = dateCreated ? Date.parse(dateCreated) : ceremony.sentAt
    const made = { approvalToken, name, number, until: since + WAIT }
    note({ made })
    // Whoever waits no longer can press every button again.
    wait(made).catch(complain)
  } else if (authentication && beginSession(authentication.token, isBuiltIn)) {
    finishSignedIn()
  } else if (state === 'Approved') {
    finish(name)
  } else if (state === 'Unknown') {
    endUnknown(name)
  } else {
    endVoid(OUTCOMES[state] ?? OUTCOMES.Expired)
  }
}

/** Goes no further and gives the code back, unless a passkey was added although no answer said so. */
function turnBack(button, reason, text) {
  busy(button, t('Giving the code back…'), async () => {
    const { challenge, sent } = ceremony
    const isGivenBack = await release(challenge, reason)
    const { state } = (!isGivenBack && sent && (await outcomeOf(ceremony))) || {}
    const name = sent?.credentialName
    if (state === 'Approved') {
      end(
        t(
          'It was added before you turned back, and only the answer was lost: this device can open that account. Tell whoever gave you the code to delete “{name}” there; if the account is yours, sign in and delete it yourself.',
          { name },
        ),
        { title: t('The passkey was added all the same') },
      )
    } else if (state === 'Waiting') {
      end(
        t(
          'It was made before you turned back, and only the answer was lost. Tell whoever gave you the code to refuse “{name}”; if the account is yours, refuse it on your other device. If nobody approves it, it is gone after five minutes.',
          { name },
        ),
        { title: t('The passkey waits for approval all the same') },
      )
    } else if (state === 'Unknown') {
      endUnknown(name)
    } else if (sent) {
      endVoid(text)
    } else {
      end(text)
    }
  })
}

/** It was sent, and no answer says what came of it. */
function endUnknown(name) {
  end(
    t(
      'No answer came, and what has become of it cannot be asked any more. Have whoever gave you the code look whether “{name}” is in the account, and delete it there if it is not wanted; if the account is yours, look yourself.',
      { name },
    ),
    { title: t('The passkey may have been added') },
  )
}

/** Where the organization lets it, whoever has added a passkey is signed in with it, and need not try it. */
function finishSignedIn() {
  forget(KEPT)
  show('tried')
  if (isReturning()) {
    goOn().catch(complain)
  }
}

function finish(name) {
  forget(KEPT)
  $('added-name').textContent = name
  show('done')
}

const OUTCOMES = translated({
  Expired: 'Nobody approved the passkey in time. Begin again with a new code.',
  Refused: 'The passkey was refused on your other device. If that was a mistake, begin again with a new code.',
})

/** What has become of the code that this place showed, when nobody granted it one. */
const UNGRANTED = translated({
  Expired: 'Nobody approved this device in time. Show a new code, or enter one that you get on your other device.',
  Refused:
    'This device was refused on your other one: another number was chosen than the one that was shown here, or none. If that was a mistake, show a new code and try again.',
})

/** Shows a code here. Whatever comes of it, another one can be entered. */
async function askHere() {
  const asked = await openRequest(here ?? (await introduce()))
  goOnWith(asked).catch(complainAtEnter)
}

function complainAtEnter(error) {
  show('enter')
  complain(error)
}

/** Goes on as with any other code once it is granted; until that is done, a page that is loaded anew tries it, too. */
async function goOnWith(asked) {
  const { code, state } = (await awaitGrant(asked)) ?? {}
  if (code) {
    const use = () => claim(code, true)
    await askUntil(use, { every: INTERVAL, until: serviceNow() + CODE }).finally(stopAsking)
  } else if (state) {
    end(UNGRANTED[state] ?? UNGRANTED.Expired, { hasAsked: true })
  }
}

/** Counts the waits: whoever waits no longer ends the one before. */
let turn = 0

/** Waits for the other place to approve or refuse, or until nobody waits here any more. */
async function wait({ approvalToken, name, number, until = serviceNow() + WAIT }) {
  turn += 1
  const own = turn
  const hasAsked = Boolean(ceremony.hasAsked)
  $('waiting-asked').hidden = !hasAsked
  $('waiting-elsewhere').hidden = hasAsked
  for (const place of document.querySelectorAll('[data-waiting]')) {
    place.textContent = name
  }
  $('waiting-number').textContent = number
  show('waiting')
  const last = serviceNow() + APPROVAL
  const ask = async () =>
    own === turn ? call('POST', '/auth/credentials/code/status', { body: { approvalToken } }) : {}
  while (own === turn) {
    $('waiting-left').textContent = t('{time} left', { time: timeLeft(until) })
    const told = await askUntil(ask, { every: INTERVAL, until: last }).catch((error) => ({ error }))
    if (own !== turn) {
      return
    }
    if (told.error) {
      throw told.error
    }
    const { state } = told
    $('waiting-number').textContent = told.number ?? number
    if (state === 'Approved') {
      finish(name)
      return
    }
    if (state !== 'Waiting') {
      endVoid(OUTCOMES[state] ?? OUTCOMES.Expired)
      return
    }
    await pause(INTERVAL)
  }
}

/** The same when the service has said that the passkey which was made here opens nothing. */
function endVoid(text) {
  signalVoid(ceremony.sent)
  end(text, { isVoid: true })
}

/**
 * Nothing more can be done with this code; what can be done instead comes first. `isVoid` says that a passkey is left.
 */
function end(
  text,
  { hasAsked = ceremony.hasAsked, isAlreadyHere = false, isVoid = false, title = t('No passkey was added') } = {},
) {
  // An earlier one that was not gone on with stays.
  if (ceremony.code) {
    forget(KEPT)
  }
  $('ended-title').textContent = title
  $('ended-text').textContent = text
  $('ended-void').hidden = !isVoid
  const isToAsk = Boolean(hasAsked) && !isAlreadyHere
  $('ended-ask').hidden = !isToAsk
  $('ended-again').hidden = isAlreadyHere
  $('ended-again').classList.toggle('primary', !isToAsk)
  $('ended-sign-in').classList.toggle('primary', isAlreadyHere)
  show('ended')
}

function begin() {
  introduce().then((found) => {
    here = found
    $('ask-offer').hidden = found.codeRequests === 'nowhere'
  }, complain)

  const withCode = codeField($('code'), CODES, ['invalid_code'])
  $('enter').addEventListener('submit', (event) => {
    event.preventDefault()
    busy($('enter-button'), t('Looking the code up…'), () => withCode(claim).finally(letCorrect))
  })
  $('enter-other').addEventListener('click', enterAnother)
  $('earlier-button').addEventListener('click', () => {
    forget(LINK)
    $('earlier').hidden = true
    fillIn('')
    const earlier = kept(KEPT)
    if (earlier) {
      takeUp(earlier)
    } else {
      complain('challenge_invalid')
    }
  })
  $('name').addEventListener('input', ({ target }) => note({ called: target.value }))
  $('confirm').addEventListener('submit', (event) => {
    event.preventDefault()
    busy($('create-button'), t('One moment…'), () => {
      const { challenge } = ceremony
      return add().catch((error) => {
        if (!ENDS_CEREMONY.includes(error.code)) {
          throw error
        }
        const isAlreadyHere = ALREADY_HERE.includes(error.code)
        if (error.code !== 'challenge_invalid') {
          giveBack(challenge, isAlreadyHere ? 'AlreadyThere' : 'GivenUp')
        }
        end(explain(error), { isAlreadyHere, isVoid: !isAlreadyHere })
      })
    })
  })
  $('try').addEventListener('click', () =>
    busy($('try'), t('Answer the prompt of your browser…'), async () => {
      const place = here ?? (await introduce())
      const who = { username: ceremony.challenge.user.name }
      if (isReturning()) {
        await signInAndGoOn(place, who)
      } else {
        await signIn(place, who)
        show('tried')
      }
    }),
  )
  $('not-me').addEventListener('click', () =>
    turnBack(
      $('not-me'),
      'NotMyAccount',
      t('Nothing was added. The code has ended, and whoever gave it to you sees that. Get one from your own account.'),
    ),
  )
  $('give-up').addEventListener('click', () =>
    turnBack(
      $('give-up'),
      'GivenUp',
      t('Nothing was added. The code has ended: to try again, begin with a new one.'),
    ),
  )
  for (const button of [$('ask-button'), $('ended-ask')]) {
    button.addEventListener('click', () => busy(button, t('Asking for a code…'), askHere))
  }
  $('ask-stop').addEventListener('click', () => {
    stopAsking()
    enterAnother()
  })
  $('ended-again').addEventListener('click', enterAnother)
  $('waiting-stop').addEventListener('click', () => {
    turn += 1
    // What waits is not given up: its owner may approve it, and its number is shown again.
    tellOf(ceremony)
    enterAnother()
  })

  const link = takeFragment()
  if (!isSupported()) {
    // The code stays good for another browser.
    show('unsupported')
    return
  }
  hintAtSecurityKeys()
  onSharedSession(tellOfSession)
  if (link) {
    keep(LINK, link, Date.now() + CODE)
  }
  const code = link || kept(LINK)
  const earlier = kept(KEPT)
  if (earlier && (!code || code === earlier.code)) {
    forget(LINK)
    takeUp(earlier)
  } else if (isAsking() && !code) {
    askHere().catch(complainAtEnter)
  } else {
    offer(code, earlier)
  }
}

/** The page is loaded anew in the middle of it. */
function takeUp(earlier) {
  ceremony = earlier
  resume(earlier).catch(complain)
}

async function resume({ challenge, made, sent }) {
  if (made) {
    await wait(made)
    return
  }
  await confirm()
  if (await endUnmade({ challenge, sent })) {
    return
  }
  const outcome = sent && (await statusOf(challenge))
  if (outcome) {
    await settle(outcome, sent)
  }
}

/** What has become of the code that was opened in this tab before. */
const EARLIER = translated({
  Approved: 'The passkey that you made in this tab with another code was added: only the answer was lost.',
  Opened:
    'You have opened another code in this tab, and have not finished. If you go on with this one, the other one is given back.',
  Unknown:
    'The passkey that you made in this tab with another code may have been added: no answer came. To see what has become of it, go on with the earlier one.',
  Waiting:
    'A passkey that you made in this tab still waits for approval. If you go on with another code, its number is not shown any more.',
})

function tellOf(earlier) {
  const tell = (state) => ($('earlier-text').textContent = EARLIER[state] ?? EARLIER.Unknown)
  $('earlier').hidden = false
  if (earlier.made) {
    tell('Waiting')
  } else if (earlier.sent) {
    tell('Unknown')
    outcomeOf(earlier).then((outcome) => tell(outcome?.state ?? 'Opened'), () => {})
  } else {
    tell('Opened')
  }
}

/** What there is to begin with: a code that came with the link, or an empty field. */
function offer(code, earlier) {
  if (earlier) {
    // To open a link ends nothing.
    tellOf(earlier)
  }
  const flaw = code && flawIn(code, CODES)
  if (flaw) {
    enterAnother()
    complain(flaw)
    return
  }
  // Whoever opens a link may be a scanner or a preview: nothing is used, or ended, before the button is pressed.
  fillIn(code ?? '')
  show('enter')
  $(code ? 'enter-button' : 'code').focus()
}

/**
 * Fills a code in that nobody typed, and hides the field: a long code says nothing to people. An empty one shows it.
 */
function fillIn(code) {
  $('code').value = code
  const isFilled = code !== ''
  $('enter-title').textContent = isFilled ? t('Your code is filled in') : t('Enter the code')
  $('filled').hidden = !isFilled
  $('enter-other').hidden = !isFilled
  $('enter-where').hidden = isFilled
  $('enter-field').hidden = isFilled
}

/** The field for a code, with none in it. */
function enterAnother() {
  forget(LINK)
  fillIn('')
  show('enter')
  $('code').focus()
}

/** A code that was filled in and is wrong can be replaced. */
function letCorrect() {
  if ($('enter-field').hidden && $('code').ariaInvalid === 'true') {
    forget(LINK)
    fillIn('')
    $('code').focus()
  }
}

begin()
