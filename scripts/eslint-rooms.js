import { dirname, relative, resolve, sep } from 'node:path'

/**
 * The rooms of `engine` and the arrows between them: each room with those that its files may import. Another room is
 * entered by its door, `index.ts`; a subfolder may have a door of its own. Each top-level file of `protocol` is a door,
 * since the page loads them one by one.
 */
export const ROOMS = {
  protocol: [],
  strategies: ['protocol'],
  agree: ['protocol'],
  files: ['protocol'],
  programs: [],
  terminal: ['protocol'],
  sandbox: ['protocol', 'programs'],
  native: ['protocol', 'programs'],
  prompt: ['protocol', 'native'],
  kv: ['protocol', 'native'],
  remote: ['protocol', 'native'],
  workers: ['protocol', 'files', 'native', 'programs', 'terminal'],
  models: ['protocol', 'files', 'kv', 'native', 'programs', 'prompt', 'remote', 'workers'],
  measure: ['protocol', 'kv', 'models', 'native', 'prompt'],
  transcripts: ['protocol', 'files', 'strategies'],
  run: [
    'protocol',
    'agree',
    'kv',
    'measure',
    'models',
    'native',
    'prompt',
    'strategies',
    'transcripts',
    'workers',
  ],
  devices: ['protocol', 'files', 'models', 'native', 'programs'],
  lab: [
    'protocol',
    'files',
    'models',
    'native',
    'programs',
    'prompt',
    'run',
    'terminal',
    'transcripts',
    'workers',
  ],
  api: ['protocol', 'files'],
  host: [
    'protocol',
    'api',
    'devices',
    'files',
    'lab',
    'measure',
    'models',
    'native',
    'programs',
    'prompt',
    'remote',
    'run',
    'sandbox',
    'terminal',
    'transcripts',
    'workers',
  ],
  serve: ['protocol', 'files'],
  cli: [
    'protocol',
    'agree',
    'api',
    'devices',
    'files',
    'host',
    'lab',
    'measure',
    'models',
    'native',
    'programs',
    'remote',
    'run',
    'sandbox',
    'serve',
    'terminal',
    'transcripts',
    'workers',
  ],
}

/** Rooms of `engine` that the other folders may enter. */
const OUTSIDE = {
  renderer: ['protocol'],
  // The shell starts the host and shows the page: it has no reasoning logic.
  electron: ['protocol', 'files', 'host', 'serve', 'terminal', 'transcripts'],
}

const root = resolve(import.meta.dirname, '..')
const partsOf = (file) => relative(root, file).split(sep)

/** Returns why one file may not import another; undefined: it may. Both are absolute paths. */
export function refusal(from, to) {
  const [top, room, ...rest] = partsOf(to)
  const [ownTop, ownRoom] = partsOf(from)
  if (top === 'renderer' || top === 'electron')
    return top === ownTop || ownTop === 'scripts' || ownTop === 'test'
      ? undefined
      : `Nothing imports ${top}/ but its own files.`
  if (top !== 'engine' || ownTop === 'test' || (ownTop === 'engine' && ownRoom === room))
    return undefined
  const allowed = ownTop === 'engine' ? ROOMS[ownRoom] : OUTSIDE[ownTop]
  if (ownTop === 'engine' && allowed === undefined)
    return `engine/${ownRoom} is not a room of scripts/eslint-rooms.js.`
  if (allowed !== undefined && !allowed.includes(room))
    return `${ownTop === 'engine' ? `engine/${ownRoom}` : ownTop} may not import engine/${room}.`
  if (rest.at(-1) === 'index.ts' || room === 'protocol' || ownTop === 'scripts') return undefined
  return `engine/${room} is entered by its door, index.ts.`
}

/** The rule `rooms/doors`. */
export default {
  rules: {
    doors: {
      meta: { type: 'problem', schema: [] },
      create(context) {
        const check = (source) => {
          if (source?.type !== 'Literal' || !String(source.value).startsWith('.')) return
          const target = resolve(dirname(context.filename), source.value)
          const message = refusal(context.filename, target)
          if (message !== undefined) context.report({ node: source, message })
        }
        return {
          ImportDeclaration: ({ source }) => check(source),
          ImportExpression: ({ source }) => check(source),
          ExportNamedDeclaration: ({ source }) => check(source),
          ExportAllDeclaration: ({ source }) => check(source),
        }
      },
    },
  },
}
