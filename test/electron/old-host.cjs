/* eslint-disable @typescript-eslint/no-require-imports -- Electron 22 starts CommonJS */
/** `resources/app/host.cjs` for Electron 22: runs an ES module as a utility process. */
const { pathToFileURL } = require('node:url')
import(pathToFileURL(process.env.BRAID_HOST).href).catch((error) => {
  console.error(error)
  process.exit(1)
})
