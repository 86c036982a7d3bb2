// npm install && NOTES_LATCHKEY=http://127.0.0.1:8080 NOTES_APPLICATION=ap-… npm start

import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'

import { notes } from './server'

const { NOTES_LATCHKEY: latchkey, NOTES_APPLICATION: application } = process.env
if (!latchkey || !application) {
  throw new Error('set NOTES_LATCHKEY to the address of Latchkey, and NOTES_APPLICATION to your id there')
}
const [html, script] = await Promise.all(
  ['index.html', 'dist/page.js'].map((path) => readFile(path, 'utf8')),
)
createServer(notes({ latchkey, application, page: { html, script } })).listen(3001, '127.0.0.1')
