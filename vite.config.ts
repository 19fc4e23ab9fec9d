import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

/**
 * KaTeX's HTML is parsed by parse5 instead of the browser's DOMParser: the page's policy reports every style
 * attribute that a parser meets, while React sets the same styles through the DOM, which the policy allows.
 */
export const alias = { 'hast-util-from-html-isomorphic': fileURLToPath(new URL('./node_modules/hast-util-from-html-isomorphic/lib/index.js', import.meta.url)) }

/** The page is served from its own origin under a strict CSP: everything is a local file, nothing is inlined. */
export default defineConfig({
  root: fileURLToPath(new URL('./renderer', import.meta.url)),
  base: './',
  plugins: [react()],
  resolve: { alias },
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
