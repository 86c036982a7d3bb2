// A field for a code: the code has its form while it is typed, and what can be none is told before it costs a try.

import { complain } from './page.js'

/** What short codes are made of: no `I`, `O`, `0` or `1`, which people confuse. */
const SYMBOLS = /^[A-HJ-NP-Z2-9]*$/
const LENGTH = 9

/** A long code, as links have it: the beginning says what it is for. */
const LONG = /^[a-z]{2}_[\w-]{43}$/

/** The long code behind the `#` of a link that was pasted whole. */
const IN_LINK = /[a-z]{2}_[\w-]{43}/

/** What shows nothing, and what stands for a dash: codes are read as the service reads them (`EnteredCode` there). */
const BLANK = /[\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]/gu
const DASH = /[\p{Pd}\u02d7\u2043\u2053\u2212\u30fc]/gu

/** What can be no code; `code` is what texts.js goes by. */
class CodeError extends Error {
  constructor(code) {
    super(code)
    this.code = code
  }
}

/** The code as it is shown and sent, however it was typed or pasted. */
function tidy(text, { hasShort, linked = '', long }) {
  const whole = text.normalize('NFKC').replaceAll(BLANK, '').replaceAll(DASH, '-')
  const [, ...behind] = whole.split('#')
  const fragment = behind.at(-1)
  const plain = fragment === undefined ? whole : fragment.slice(fragment.startsWith(linked) ? linked.length : 0)
  const [inLink] = fragment?.match(IN_LINK) ?? []
  if (long && inLink?.startsWith(long)) {
    return inLink
  }
  if (long && plain.toLowerCase().startsWith(long)) {
    return long + plain.slice(long.length)
  }
  if (!hasShort) {
    return plain
  }
  const symbols = plain.replaceAll('-', '').replaceAll(/[a-z]/g, (letter) => letter.toUpperCase())
  return (symbols.match(/.{1,3}/gu) ?? []).join('-')
}

/** Why that can be no code, if it cannot. */
function flawOf(code, { hasShort, long }) {
  if (!code) {
    return 'code_missing'
  }
  const isLong = long && code.startsWith(long)
  if (isLong || !hasShort) {
    return isLong && LONG.test(code) ? undefined : 'code_cut_off'
  }
  const symbols = code.replaceAll('-', '')
  if (!SYMBOLS.test(symbols)) {
    return 'code_symbols'
  }
  return symbols.length === LENGTH ? undefined : 'code_length'
}

/** Why what a link brought can be no code, if it cannot. */
export const flawIn = (text, form) => flawOf(tidy(text, form), form)

/** Says that the field is at fault, until it is changed. Why is in the alert, by which the field is described. */
export function refuse(field) {
  field.ariaInvalid = 'true'
  field.focus()
  const takeBack = () => {
    field.ariaInvalid = null
    complain()
  }
  field.addEventListener('input', takeBack, { once: true })
}

/**
 * Makes a field one for codes. `form` says which: whether short ones (`hasShort`), how long ones begin, if there are
 * any (`long`), and what stands before short ones in a link (`linked`). `refusals` are the errors of the service that
 * say that the code is wrong.
 */
export function codeField(field, form, refusals = []) {
  let shown = field.value

  /** The caret stays behind the symbol that it was behind: dashes come and go. */
  const show = ({ inputType, isComposing }) => {
    if (isComposing) {
      return
    }
    const code = tidy(field.value, form)
    if (code !== field.value) {
      const text = field.value.slice(0, field.selectionStart)
      const before = tidy(text, form).length
      // Behind a dash it stays there; and who deletes one from before it gets past it, since it comes back.
      const isPast = text.endsWith('-') || (inputType === 'deleteContentForward' && code === shown)
      const caret = isPast && code[before] === '-' ? before + 1 : before
      field.value = code
      if (document.activeElement === field) {
        field.setSelectionRange(caret, caret)
      }
    }
    shown = code
  }
  field.addEventListener('input', show)
  field.addEventListener('compositionend', show)

  /** Does the work with the code; when that is at fault, the field says so. */
  return async (work) => {
    try {
      const code = tidy(field.value, form)
      const flaw = flawOf(code, form)
      if (flaw) {
        throw new CodeError(flaw)
      }
      return await work(code)
    } catch (error) {
      if (error instanceof CodeError) {
        refuse(field)
      } else if (refusals.includes(error.code)) {
        refuse(field)
        // The next one is another one.
        field.select()
      }
      throw error
    }
  }
}
