import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'
import { alias } from '../../../vite.config.ts'

const root = fileURLToPath(new URL('.', import.meta.url))

export default defineConfig({
  root,
  base: './',
  publicDir: fileURLToPath(new URL('../../../renderer/public', import.meta.url)),
  plugins: [react()],
  resolve: { alias },
  worker: { format: 'es' }, // it loads the grammars of code when the first is shown
  build: {
    outDir: fileURLToPath(new URL('../../../dist/harness', import.meta.url)),
    emptyOutDir: true,
    target: 'chrome120',
    assetsInlineLimit: 0,
    minify: process.env.BRAID_PROFILE === undefined,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 2000,
  },
})
