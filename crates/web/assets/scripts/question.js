// A question before something that may be regretted. The safe answer has the focus, and is advised where nothing is
// taken away by the other one.

import { element } from './page.js'

/**
 * Asks; the work is done by whoever presses that button, and what is to be done `otherwise` by whoever presses the
 * safe one or leaves the question.
 */
export function confirm({ title, text, button, kind, safe, work, otherwise = () => {} }) {
  const yes = element('button', { id: 'question-yes', type: 'button', class: kind }, button)
  const advised = kind === 'danger' ? undefined : 'primary'
  const no = element('button', { id: 'question-no', type: 'button', class: advised, autofocus: true }, safe)
  const dialog = element(
    'dialog',
    { id: 'question', 'aria-labelledby': 'question-title', 'aria-describedby': 'question-text' },
    element('h2', { id: 'question-title' }, title),
    element('p', { id: 'question-text' }, text),
    element('div', { class: 'actions' }, no, yes),
  )
  yes.addEventListener('click', () => {
    dialog.close('yes')
    work()
  })
  no.addEventListener('click', () => dialog.close())
  dialog.addEventListener('close', () => {
    dialog.remove()
    if (!dialog.returnValue) {
      otherwise()
    }
  })
  document.querySelector('main').append(dialog)
  dialog.showModal()
}
