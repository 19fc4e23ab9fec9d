/** Downloads argv[2] to argv[3] with parts of 64 KiB; prints `started` at the first byte, then `done` or the error. */
import { download, Net } from '../../../engine/models/download/index.ts'

const [url, target, sha256] = process.argv.slice(2)
const net = new Net({ hub: 'https://hub.invalid' })
let said = false
try {
  await download(net, {
    url: url!,
    target: target!,
    sha256,
    leastPart: 65_536,
    retryMs: 5,
    tries: Number(process.env.BRAID_TRIES ?? 6),
    onProgress: () => {
      if (!said && sha256 !== undefined) {
        said = true
        console.log('started')
      }
    },
  })
  console.log('done')
} catch (error) {
  console.log(`${(error as { code: string }).code}: ${(error as Error).message}`)
}
await net.close()
