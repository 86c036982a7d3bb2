// A question before something that may be regretted, in the dialog of the page. The safe answer has the focus.

import { $ } from './page.js'

/** Asks; the work is done by whoever presses that button, and what is to be done `otherwise` by whoever does not. */
export function confirm({ title, text, button, work, otherwise = () => {} }) {
  const dialog = $('question')
  $('question-title').textContent = title
  $('question-text').textContent = text
  $('question-yes').textContent = button
  dialog.returnValue = ''
  $('question-yes').onclick = () => {
    dialog.close('yes')
    work()
  }
  $('question-no').onclick = () => dialog.close()
  dialog.onclose = () => dialog.returnValue || otherwise()
  dialog.showModal()
}
