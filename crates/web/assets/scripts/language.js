// What people read, in the language of the page. Scripts say everything in English; a page in another language has
// its catalogue run before them (see `languages.rs`), and where that has nothing a text stays English.

/** The language of the page (BCP 47). */
export const { lang: language } = document.documentElement

const catalogue = new Map(Object.entries(globalThis.latchkeyTexts ?? {}))

/** A text in that language; `{name}` in it stands for the value of that name. */
export function t(english, values = {}) {
  const text = catalogue.get(english) ?? english
  return text.replaceAll(/\{(\w+)\}/g, (place, name) => values[name] ?? place)
}

/** A table of texts, each in that language. */
export function translated(texts) {
  return Object.fromEntries(Object.entries(texts).map(([key, english]) => [key, t(english)]))
}

/** So many seconds, in words. */
export function seconds(count) {
  const words = { style: 'unit', unit: 'second', unitDisplay: 'long' }
  return new Intl.NumberFormat(language, words).format(count)
}

/** So many seconds ago, in words; minutes where they are many. */
export function ago(count) {
  const words = new Intl.RelativeTimeFormat(language)
  return count < 100 ? words.format(-count, 'second') : words.format(-Math.round(count / 60), 'minute')
}
