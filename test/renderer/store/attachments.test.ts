import { expect, test } from 'vitest'
import { withAttachments } from '../../../renderer/store/attachments.ts'

test.each([
  ['no attachment', 'What? ', [], 'What?'],
  ['no question', '  ', [{ name: 'a.txt', text: 'x\n' }], 'a.txt:\n```txt\nx\n```'],
  [
    'a fence in the text',
    'Why?',
    [{ name: 'notes', text: 'a\n````\nb' }],
    'Why?\n\nnotes:\n`````\na\n````\nb\n`````',
  ],
])('%s', (_, problem, attachments, expected) =>
  expect(withAttachments(problem, attachments)).toBe(expected),
)
