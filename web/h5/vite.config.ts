import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

export default defineConfig({
  base: '/h5/',
  plugins: [vue()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    // phones of the last five years and the browsers inside chat apps
    target: ['es2020', 'chrome87', 'safari15.4'],
  },
  server: {
    port: 5173,
    proxy: { '/api': process.env['HUMIAO_API'] ?? 'http://127.0.0.1:8000' },
  },
})
