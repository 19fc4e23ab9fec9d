import { expect, test } from 'vitest'
import { formatRoute, parseRoute, type Route } from '../../../renderer/store/route.ts'

const ROUTES: Route[] = [
  { view: 'compose' },
  { view: 'run', run: 'a-1_b' },
  { view: 'inspect', run: 'x', segment: 'p3', at: null },
  { view: 'inspect', run: 'x', segment: 'p3', at: 17 },
  { view: 'inspect', run: 'x', segment: 's2', at: null },
  { view: 'compare-paths', run: 'x', paths: ['p1', 'p4'] },
  { view: 'compare-runs', runs: ['x', 'y'] },
  { view: 'history' },
  { view: 'models' },
  { view: 'lab', experiment: null },
  { view: 'lab', experiment: 'lab-20260102-030405-aaaaaa' },
  { view: 'settings' },
]

test.each(ROUTES)('%j survives a reload', (route) => {
  expect(parseRoute(formatRoute(route))).toEqual(route)
})

test.each([
  ['', 'compose'],
  ['#/run/', 'compose'],
  ['#/run/../../etc', 'compose'],
  ['#/run/a%2Fb', 'compose'],
  ['#/run/x/p0', 'run'],
  ['#/run/x/p-1', 'run'],
  ['#/run/x/p1e9x', 'run'],
  ['#/run/x/toString', 'run'],
  ['#/compare/x', 'history'],
  ['#/nonsense', 'compose'],
  [`#/run/${'a'.repeat(65)}`, 'compose'],
])('%s is the %s view', (hash, view) => {
  expect(parseRoute(hash).view).toBe(view)
})
