/** `npx tsx scripts/package/icons.ts`: makes the app's icons in electron/resources from renderer/public/icon.svg. Needs a Chromium; run it when the drawing changes. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { root } from '../renderer.ts'

const out = join(root, 'electron', 'resources')
const SIZES = [16, 32, 48, 64, 128, 256, 512, 1024]
const drawing = readFileSync(join(root, 'renderer', 'public', 'icon.svg'), 'utf8')
  .replace(/^[^]*?<svg[^>]*>/, '')
  .replace('</svg>', '')
/** The braid on a rounded plate, with the margin that desktops expect. */
const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100"><rect x="5" y="5" width="90" height="90" rx="20" fill="#f7f9fc" stroke="#d5dbe5" stroke-width="1"/><g transform="translate(18 18) scale(2)" fill="none" stroke="#3867b7" stroke-width="3" stroke-linecap="round">${drawing}</g></svg>`

/** Windows icon: a directory of PNGs. */
function ico(images: Map<number, Buffer>): Buffer {
  const sizes = [16, 32, 48, 64, 128, 256]
  const head = Buffer.alloc(6 + 16 * sizes.length)
  head.writeUInt16LE(1, 2)
  head.writeUInt16LE(sizes.length, 4)
  let offset = head.length
  sizes.forEach((size, i) => {
    const at = 6 + 16 * i
    const { length } = images.get(size)!
    head.set([size % 256, size % 256, 0, 0], at)
    head.writeUInt16LE(1, at + 4)
    head.writeUInt16LE(32, at + 6)
    head.writeUInt32LE(length, at + 8)
    head.writeUInt32LE(offset, at + 12)
    offset += length
  })
  return Buffer.concat([head, ...sizes.map((size) => images.get(size)!)])
}

/** macOS icon: typed chunks of PNGs. */
function icns(images: Map<number, Buffer>): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const head = Buffer.alloc(8)
    head.write(type, 'latin1')
    head.writeUInt32BE(8 + data.length, 4)
    return Buffer.concat([head, data])
  }
  const types: [string, number][] = [
    ['ic11', 32],
    ['ic12', 64],
    ['ic07', 128],
    ['ic08', 256],
    ['ic13', 256],
    ['ic09', 512],
    ['ic14', 512],
    ['ic10', 1024],
  ]
  return chunk('icns', Buffer.concat(types.map(([type, size]) => chunk(type, images.get(size)!))))
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
})
const page = await browser.newPage()
const images = new Map<number, Buffer>()
for (const size of SIZES) {
  await page.setViewportSize({ width: size, height: size })
  await page.setContent(
    `<style>body{margin:0}svg{display:block;width:${size}px;height:${size}px}</style>${svg}`,
  )
  images.set(size, await page.screenshot({ omitBackground: true }))
}
await browser.close()
rmSync(join(out, 'icons'), { recursive: true, force: true })
mkdirSync(join(out, 'icons'), { recursive: true })
for (const size of SIZES.filter((one) => one <= 512))
  writeFileSync(join(out, 'icons', `${size}x${size}.png`), images.get(size)!)
writeFileSync(join(out, 'icon.ico'), ico(images))
writeFileSync(join(out, 'icon.icns'), icns(images))
