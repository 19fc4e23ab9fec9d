import type { Page } from 'playwright-core'

/** Every view, and every menu and dialog above it. */
export const VIEWS: Record<
  string,
  { hash: string; scene?: string; act?: (page: Page) => Promise<unknown> }
> = {
  compose: { hash: '#/' },
  'compose, all settings': {
    hash: '#/',
    act: (page) => page.locator('.advanced > summary').click(),
  },
  'first minute': { hash: '#/', scene: 'empty' },
  'first minute, replay': {
    hash: '#/',
    scene: 'empty',
    act: async (page) => {
      await page.locator('.teach .btn').first().click()
      await page.locator('.replay-mark').first().waitFor()
      await page.keyboard.press('k')
      for (let i = 0; i < 3; i++) await page.keyboard.press('n')
    },
  },
  'run, answer': { hash: '#/run/balls' },
  'run, thread': { hash: '#/run/turn4', scene: 'thread' },
  'run, grid': { hash: '#/run/balls', act: (page) => page.keyboard.press('Alt+1') },
  'run, live': { hash: '#/run/live' },
  'run, queued': { hash: '#/run/queued' },
  'run, focus': { hash: '#/run/balls', act: (page) => page.keyboard.press('Alt+2') },
  'run, tabs': { hash: '#/run/balls', act: (page) => page.keyboard.press('Alt+3') },
  'run, interrupted': { hash: '#/run/stopped' },
  'run, menu': {
    hash: '#/run/live',
    act: (page) => page.getByRole('button', { name: 'More actions' }).click(),
  },
  'compose, models': {
    hash: '#/',
    act: (page) => page.locator('.picker').click(),
  },
  'compose, nothing to count': {
    hash: '#/',
    scene: 'texts',
    act: async (page) => {
      await page.locator('.advanced > summary').click()
      await page.getByLabel('Strategy', { exact: true }).selectOption('majority')
      await page.getByLabel('Kind of question').selectOption('text')
    },
  },
  'run, code': { hash: '#/run/code', scene: 'texts' },
  'run, programs': {
    hash: '#/run/programs',
    scene: 'texts',
    act: (page) => page.locator('.programs-call').first().click(),
  },
  'run, nothing to count': { hash: '#/run/ideas', scene: 'texts' },
  'run, thoughts': {
    hash: '#/run/thinking',
    scene: 'texts',
    act: async (page) => {
      await page.keyboard.press('Alt+1')
      await page.locator('.lane .thought-bar').first().click()
    },
  },
  'run, instruction': {
    hash: '#/run/code',
    scene: 'texts',
    act: (page) => page.locator('.summary [data-command="run.summariseSubset"]').click(),
  },
  'run, subset': {
    hash: '#/run/balls',
    act: (page) => page.locator('.summary [data-command="run.summariseSubset"]').click(),
  },
  'run, find': {
    hash: '#/run/balls',
    act: async (page) => {
      await page.keyboard.press('Control+F')
      await page.keyboard.type('11')
    },
  },
  'run, replay': {
    hash: '#/run/balls',
    act: async (page) => {
      await page.keyboard.press('Alt+R')
      await page.getByRole('button', { name: 'Pause' }).click()
    },
  },
  inspect: { hash: '#/run/balls/p3/40' },
  'inspect, summary': { hash: '#/run/balls/s1' },
  'inspect, attribution': {
    hash: '#/run/balls/s1',
    act: async (page) => {
      await page.keyboard.press('Alt+A')
      await page.locator('.attr-row').nth(1).click()
    },
  },
  'inspect, many': { hash: '#/run/nine/p7/3', scene: 'comparing' },
  'run, dropped': {
    hash: '#/run/dropped',
    scene: 'comparing',
    act: (page) => page.keyboard.press('Alt+1'),
  },
  'run, tabs of many': {
    hash: '#/run/sixteen',
    scene: 'comparing',
    act: (page) => page.keyboard.press('Alt+3'),
  },
  'run, prose': { hash: '#/run/prose', scene: 'comparing' },
  'compare, texts': { hash: '#/run/pair/compare/p1,p2', scene: 'comparing' },
  'compare, apart': { hash: '#/run/pair/compare/p1,p3,p2', scene: 'comparing' },
  'compare, three runs': { hash: '#/compare/first,second,third', scene: 'comparing' },
  'compare paths': { hash: '#/run/balls/compare/p1,p3' },
  'compare runs': { hash: '#/compare/balls,stopped' },
  history: { hash: '#/history' },
  models: { hash: '#/models' },
  'models, moved file': {
    hash: '#/models',
    act: (page) => page.getByRole('button', { name: /^Llama 3 8B/ }).click(),
  },
  'models, found': {
    hash: '#/models',
    act: (page) => page.getByRole('button', { name: 'Find on this computer' }).click(),
  },
  'models, get': {
    hash: '#/models',
    act: async (page) => {
      await page.getByRole('radio', { name: 'Get models' }).click()
      await page.getByRole('button', { name: 'Other sizes of Qwen3 8B' }).click()
    },
  },
  'models, convert': {
    hash: '#/models',
    act: (page) => page.getByRole('radio', { name: 'Convert' }).click(),
  },
  'models, devices': {
    hash: '#/models',
    act: (page) => page.getByRole('radio', { name: 'Devices' }).click(),
  },
  lab: { hash: '#/lab/lab-20260102-030405-aaaaaa' },
  'lab, first': { hash: '#/lab', scene: 'empty' },
  'lab, chart': { hash: '#/lab/lab-20260101-030405-bbbbbb' },
  'lab, runs': {
    hash: '#/lab/lab-20260102-030405-aaaaaa',
    act: (page) => page.locator('.lab-row').last().click(),
  },
  'lab, failed': { hash: '#/lab/lab-20251231-030405-cccccc' },
  'lab, new': {
    hash: '#/lab',
    act: async (page) => {
      await page.getByRole('radio', { name: 'New experiment' }).click()
      await page.locator('.lab-samples').waitFor()
    },
  },
  settings: { hash: '#/settings' },
  palette: { hash: '#/run/balls', act: (page) => page.keyboard.press('Control+K') },
}
