import { create } from 'zustand'
import { SegmentId } from '../../engine/protocol/segments.ts'

/** The current view. The URL's hash holds it, so that a reload returns to the same run. */
export type Route =
  | { view: 'compose' }
  | { view: 'run'; run: string }
  | { view: 'inspect'; run: string; segment: SegmentId; at: number | null }
  | { view: 'compare-paths'; run: string; paths: SegmentId[] }
  | { view: 'compare-runs'; runs: string[] }
  | { view: 'history' }
  | { view: 'models' }
  | { view: 'lab'; experiment: string | null }
  | { view: 'settings' }

const ID = /^[0-9A-Za-z][0-9A-Za-z_-]{0,63}$/
const isSegment = (text: string | undefined): text is SegmentId => SegmentId.safeParse(text).success

/** Parses a hash. An invalid one is the composer. */
export function parseRoute(hash: string): Route {
  const [head, ...rest] = hash.replace(/^#\/?/, '').split('/')
  if (head === 'history' || head === 'models' || head === 'settings') return { view: head }
  if (head === 'lab') return { view: 'lab', experiment: ID.test(rest[0] ?? '') ? rest[0]! : null }
  if (head === 'compare') {
    const runs = (rest[0] ?? '').split(',').filter((id) => ID.test(id))
    return runs.length > 1 ? { view: 'compare-runs', runs } : { view: 'history' }
  }
  const run = rest[0]
  if (head !== 'run' || run === undefined || !ID.test(run)) return { view: 'compose' }
  const [, segment, more] = rest
  if (segment === 'compare')
    return { view: 'compare-paths', run, paths: (more ?? '').split(',').filter(isSegment) }
  if (!isSegment(segment)) return { view: 'run', run }
  return { view: 'inspect', run, segment, at: /^\d+$/.test(more ?? '') ? Number(more) : null }
}

export function formatRoute(route: Route): string {
  switch (route.view) {
    case 'compose':
      return '#/'
    case 'run':
      return `#/run/${route.run}`
    case 'inspect':
      return `#/run/${route.run}/${route.segment}${route.at === null ? '' : `/${route.at}`}`
    case 'compare-paths':
      return `#/run/${route.run}/compare/${route.paths.join(',')}`
    case 'lab':
      return route.experiment === null ? '#/lab' : `#/lab/${route.experiment}`
    case 'compare-runs':
      return `#/compare/${route.runs.join(',')}`
    default:
      return `#/${route.view}`
  }
}

export const useRoute = create<{ route: Route }>(() => ({
  route: parseRoute(typeof location === 'undefined' ? '' : location.hash),
}))

/** Goes to a view. `replace`: adds no entry to the browser history (cursor moves). */
export function go(route: Route, options: { replace?: boolean } = {}): void {
  const hash = formatRoute(route)
  useRoute.setState({ route })
  if (location.hash === hash) return
  if (options.replace === true) history.replaceState(null, '', hash)
  else history.pushState(null, '', hash)
}

export function watchRoute(): void {
  const read = () => useRoute.setState({ route: parseRoute(location.hash) })
  addEventListener('popstate', read)
  addEventListener('hashchange', read)
}

/** Returns all runs that a view shows. */
export function routeRuns(route: Route): string[] {
  return 'runs' in route ? route.runs : 'run' in route ? [route.run] : []
}

/** Returns the run that the view is about, or null. */
export function routeRun(route: Route): string | null {
  return 'run' in route ? route.run : null
}
