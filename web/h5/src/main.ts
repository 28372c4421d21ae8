/** Wiring: styles, router, app. */
import 'vant/es/style/base.css'
import 'vant/es/loading/index.css'
import 'vant/es/button/index.css'
import 'vant/es/skeleton/index.css'
import 'vant/es/skeleton-title/index.css'
import 'vant/es/skeleton-paragraph/index.css'
import '@humiao/shared/tokens.css'
import './app.css'

import { createApp } from 'vue'

import App from './App.vue'
import { applyTypeSize } from './composables/typeSize'
import { router } from './router'

applyTypeSize()
createApp(App).use(router).mount('#app')
