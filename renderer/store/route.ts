import { create } from 'zustand'

/** Where the window is. The URL's hash carries it, so that a reload comes back to the same run. */
export type Route =
  | { view: 'compose' }
  | { view: 'run'; run: string }
  | { view: 'inspect'; run: string; path: number; version: number; at: number | null }
  | { view: 'compare-paths'; run: string; paths: number[] }
  | { view: 'compare-runs'; runs: string[] }
  | { view: 'history' }
  | { view: 'models' }
  | { view: 'settings' }

const ID = /^[0-9A-Za-z][0-9A-Za-z_-]{0,63}$/
const numbers = (text: string | undefined): number[] =>
  (text ?? '')
    .split(',')
    .map(Number)
    .filter((n) => Number.isInteger(n) && n >= 0)

/** Any hash reads as a route; one that makes no sense is the composer. */
export function parseRoute(hash: string): Route {
  const [head, ...rest] = hash.replace(/^#\/?/, '').split('/')
  if (head === 'history' || head === 'models' || head === 'settings') return { view: head }
  if (head === 'compare') {
    const runs = (rest[0] ?? '').split(',').filter((id) => ID.test(id))
    return runs.length > 1 ? { view: 'compare-runs', runs } : { view: 'history' }
  }
  const run = rest[0]
  if (head !== 'run' || run === undefined || !ID.test(run)) return { view: 'compose' }
  if (rest[1] === 'compare') return { view: 'compare-paths', run, paths: numbers(rest[2]) }
  if (rest[1] === 'path' || rest[1] === 'summary') {
    const [n] = numbers(rest[2])
    const [at] = rest[3] === undefined ? [] : numbers(rest[3])
    if (n === undefined || n < 1) return { view: 'run', run }
    return rest[1] === 'path'
      ? { view: 'inspect', run, path: n, version: 1, at: at ?? null }
      : { view: 'inspect', run, path: 0, version: n, at: at ?? null }
  }
  return { view: 'run', run }
}

export function formatRoute(route: Route): string {
  switch (route.view) {
    case 'compose':
      return '#/'
    case 'run':
      return `#/run/${route.run}`
    case 'inspect': {
      const where = route.path === 0 ? `summary/${route.version}` : `path/${route.path}`
      return `#/run/${route.run}/${where}${route.at === null ? '' : `/${route.at}`}`
    }
    case 'compare-paths':
      return `#/run/${route.run}/compare/${route.paths.join(',')}`
    case 'compare-runs':
      return `#/compare/${route.runs.join(',')}`
    default:
      return `#/${route.view}`
  }
}

export const useRoute = create<{ route: Route }>(() => ({
  route: parseRoute(typeof location === 'undefined' ? '' : location.hash),
}))

/** `replace`: no new entry in the back list (cursor moves). */
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

/** All runs that a view shows. */
export function routeRuns(route: Route): string[] {
  return 'runs' in route ? route.runs : 'run' in route ? [route.run] : []
}

/** The run that the current view is about, if it is about one. */
export function routeRun(route: Route): string | null {
  return 'run' in route ? route.run : null
}
