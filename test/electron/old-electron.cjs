/* eslint-disable @typescript-eslint/no-require-imports -- Electron 22 starts CommonJS */
/**
 * `resources/app/main.js` for Electron 22: adds the few interfaces of current Electron and Node that the shell uses, then starts
 * the shell named by BRAID_SHELL. Only for tests.
 */
// Playwright's own first step, which it takes itself only with the npm package: the app starts once it listens.
if (process.env.BRAID_LOADER) require(process.env.BRAID_LOADER)
const electron = require('electron')
const { join } = require('node:path')
const { utilityProcess } = electron

// A test can stand in for a class of Electron: `globalThis.standIns = { Notification }`.
const Module = require('node:module')
const load = Module._load
const seen = new Proxy(electron, {
  get: (target, name) => globalThis.standIns?.[name] ?? target[name],
})
Module._load = (name, ...rest) => (name === 'electron' ? seen : load(name, ...rest))

globalThis.Response ??= class Response {
  constructor(body, { status = 200, headers = {} } = {}) {
    Object.assign(this, { body, status, headers })
  }
}
// `protocol.handle` came with Electron 25.
const handle = {
  value(scheme, answer) {
    this.registerBufferProtocol(scheme, ({ url, method }, done) => {
      const { body, status, headers } = answer({ url, method })
      done({
        statusCode: status,
        headers,
        mimeType: headers['Content-Type'].split(';')[0],
        charset: 'utf-8',
        data: Buffer.from(body),
      })
    })
  },
}
electron.app.once('ready', () =>
  Object.defineProperty(electron.session.defaultSession.protocol, 'handle', handle),
)
// A utility process started from an ES module came with Electron 28.
const fork = utilityProcess.fork
utilityProcess.fork = (file, args, options) =>
  fork(join(__dirname, 'host.cjs'), args, { ...options, env: { ...options.env, BRAID_HOST: file } })

require(process.env.BRAID_SHELL ?? './dist/electron/main.cjs')
