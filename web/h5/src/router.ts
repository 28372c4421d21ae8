/**
 * The pages.
 *
 * Addresses live behind the hash: the parts that name a reservation or a clinic never reach an access log, and any
 * static server can serve the page.
 */
import { shallowRef } from 'vue'
import { createRouter, createWebHashHistory, type RouteLocationNormalized, type RouteLocationRaw } from 'vue-router'

import { logins } from './api'
import HomePage from './pages/home/HomePage.vue'
import { staffLogins } from './staff'

declare module 'vue-router' {
  interface RouteMeta {
    /** Asks for a login first, and comes back after it. */
    login?: boolean
    /** The same, for members of staff. */
    staff?: boolean
  }
}

export const router = createRouter({
  history: createWebHashHistory('/h5/'),
  routes: [
    { path: '/', name: 'home', component: HomePage },
    { path: '/login', name: 'login', component: () => import('./pages/auth/LoginPage.vue') },
    { path: '/people', name: 'people', meta: { login: true }, component: () => import('./pages/residents/PeoplePage.vue') },
    { path: '/people/new', name: 'new-person', meta: { login: true }, component: () => import('./pages/residents/NewPersonPage.vue') },
    { path: '/reminders', name: 'reminders', meta: { login: true }, component: () => import('./pages/reminders/RemindersPage.vue') },
    { path: '/people/:personId/districts', name: 'districts', props: true, meta: { login: true }, component: () => import('./pages/residents/DistrictsPage.vue') },
    { path: '/people/:personId/records', name: 'records', props: true, meta: { login: true }, component: () => import('./pages/records/RecordsPage.vue') },
    { path: '/people/:personId/certificates', name: 'certificates', props: true, meta: { login: true }, component: () => import('./pages/certificates/CertificatesPage.vue') },
    { path: '/certificates/:certificateId', name: 'certificate', props: true, meta: { login: true }, component: () => import('./pages/certificates/CertificatePage.vue') },
    { path: '/verify/:shown?', name: 'verify', props: true, component: () => import('./pages/certificates/VerifyPage.vue') },
    { path: '/vaccines', name: 'vaccines', component: () => import('./pages/vaccines/VaccinesPage.vue') },
    { path: '/clinics', name: 'clinics', component: () => import('./pages/clinics/ClinicsPage.vue') },
    { path: '/clinics/:clinicId(\\d+)', name: 'clinic', props: true, component: () => import('./pages/clinics/ClinicPage.vue') },
    { path: '/clinics/:clinicId(\\d+)/windows', name: 'windows', props: true, component: () => import('./pages/booking/WindowsPage.vue') },
    { path: '/clinics/:clinicId(\\d+)/book', name: 'book', props: true, meta: { login: true }, component: () => import('./pages/booking/BookPage.vue') },
    { path: '/holds/:holdId', name: 'hold', props: true, meta: { login: true }, component: () => import('./pages/booking/HoldPage.vue') },
    { path: '/reservations', name: 'reservations', meta: { login: true }, component: () => import('./pages/reservations/ReservationsPage.vue') },
    { path: '/reservations/:reservationId', name: 'reservation', props: true, meta: { login: true }, component: () => import('./pages/reservations/ReservationPage.vue') },
    { path: '/reservations/:reservationId/booked', name: 'booked', props: true, meta: { login: true }, component: () => import('./pages/booking/BookedPage.vue') },
    { path: '/reservations/:reservationId/reschedule', name: 'reschedule', props: true, meta: { login: true }, component: () => import('./pages/reservations/ReschedulePage.vue') },
    { path: '/campaigns', name: 'campaigns', component: () => import('./pages/waitlist/CampaignsPage.vue') },
    { path: '/campaigns/:campaignId(\\d+)', name: 'campaign', props: true, component: () => import('./pages/waitlist/CampaignPage.vue') },
    { path: '/campaigns/:campaignId(\\d+)/report', name: 'campaign-report', props: true, component: () => import('./pages/waitlist/ReportPage.vue') },
    { path: '/campaigns/:campaignId(\\d+)/register', name: 'register', props: true, meta: { login: true }, component: () => import('./pages/waitlist/RegisterPage.vue') },
    { path: '/entries', name: 'entries', meta: { login: true }, component: () => import('./pages/waitlist/EntriesPage.vue') },
    { path: '/entries/:entryId(\\d+)', name: 'entry', props: true, meta: { login: true }, component: () => import('./pages/waitlist/EntryPage.vue') },
    { path: '/entries/:entryId(\\d+)/clinics', name: 'entry-clinics', props: true, meta: { login: true }, component: () => import('./pages/waitlist/EntryClinicsPage.vue') },
    { path: '/offers/:offerId', name: 'offer', props: true, meta: { login: true }, component: () => import('./pages/waitlist/OfferPage.vue') },
    { path: '/rooms/:roomId(\\d+)', name: 'room', props: true, meta: { login: true }, component: () => import('./pages/rooms/RoomPage.vue') },
    { path: '/draw/verify', name: 'verify-draw', component: () => import('./pages/draw/VerifyDrawPage.vue') },
    { path: '/staff/login', name: 'staff-login', component: () => import('./pages/staff/StaffLoginPage.vue') },
    { path: '/staff', name: 'staff', meta: { staff: true }, component: () => import('./pages/staff/StaffHomePage.vue') },
    { path: '/staff/school-checks', name: 'school-checks', meta: { staff: true }, component: () => import('./pages/staff/SchoolChecksPage.vue') },
    { path: '/staff/school-checks/:checkId', name: 'school-check', props: true, meta: { staff: true }, component: () => import('./pages/staff/SchoolCheckPage.vue') },
    { path: '/staff/school-statistics', name: 'school-statistics', meta: { staff: true }, component: () => import('./pages/staff/SchoolStatisticsPage.vue') },
    { path: '/staff/programme', name: 'programme', meta: { staff: true }, component: () => import('./pages/staff/ProgrammePage.vue') },
    { path: '/staff/programme/new', name: 'new-draft', meta: { staff: true }, component: () => import('./pages/staff/DraftEditPage.vue') },
    { path: '/staff/programme/:draftId(\\d+)', name: 'draft', props: true, meta: { staff: true }, component: () => import('./pages/staff/DraftPage.vue') },
    { path: '/staff/programme/:draftId(\\d+)/edit', name: 'edit-draft', props: true, meta: { staff: true }, component: () => import('./pages/staff/DraftEditPage.vue') },
    { path: '/:rest(.*)*', name: 'nowhere', component: () => import('./pages/NowherePage.vue') },
  ],
  scrollBehavior: (_to, _from, saved) => saved ?? { top: 0 },
})

router.beforeEach((to): RouteLocationRaw | true => {
  if (to.meta.staff && !staffLogins.current()) return { name: 'staff-login', query: { next: to.fullPath } }
  return to.meta.login && !logins.current() ? { name: 'login', query: { next: to.fullPath } } : true
})

/** A page whose code could not be fetched: no network, or a newer version was put in place. */
export const unreached = shallowRef<RouteLocationNormalized | null>(null)
router.onError((_error, to) => {
  unreached.value = to
})
router.afterEach(() => {
  unreached.value = null
})

/** Try that page again. Browsers may remember a failed import, so with a network the whole page is loaded anew. */
export async function reachAgain(): Promise<void> {
  const to = unreached.value
  if (!to) return
  unreached.value = null
  if (!navigator.onLine) {
    await router.push(to.fullPath).catch(() => null)
    return
  }
  location.hash = `#${to.fullPath}`
  location.reload()
}

/** Where to go after a login: a path inside this app, never another site. */
export function safeNext(next: unknown): string {
  return typeof next === 'string' && /^\/(?![/\\])/.test(next) ? next : '/'
}
