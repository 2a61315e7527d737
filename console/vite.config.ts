import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// The hub serves what is built here under a strict content policy: no inline script, no `data:` font, nothing from elsewhere.
export default defineConfig({
  plugins: [react()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 800,
  },
  server: { port: 5173, proxy: { '/api': 'http://127.0.0.1:8420' } },
})
