import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

const inModules = (file: string): string =>
  fileURLToPath(new URL(`./node_modules/${file}`, import.meta.url))

/** Texts are formatted in a worker, which has no document: of these two packages the builds that need none. */
export const alias = {
  'hast-util-from-html-isomorphic': inModules('hast-util-from-html-isomorphic/lib/index.js'),
  'decode-named-character-reference': inModules('decode-named-character-reference/index.js'),
}

/** The page is served from its own origin under a strict CSP: everything is a local file, nothing is inlined. */
export default defineConfig({
  root: fileURLToPath(new URL('./renderer', import.meta.url)),
  base: './',
  plugins: [react()],
  resolve: { alias },
  worker: { format: 'es' }, // it loads the grammars of code when the first is shown
  build: {
    outDir: fileURLToPath(new URL('./dist/renderer', import.meta.url)),
    emptyOutDir: true,
    target: 'chrome120',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1500,
  },
})
