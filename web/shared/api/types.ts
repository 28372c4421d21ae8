/** The shapes pages speak of, taken from the paths of the contract so that names of server schemas may change. */
import type { paths } from './schema'

type Json<R> = R extends { content: { 'application/json': infer J } } ? J : never
type Ok<Operation> = Operation extends { responses: infer R }
  ? R extends { 200: infer S }
    ? Json<S>
    : R extends { 201: infer S }
      ? Json<S>
      : never
  : never
type Body<Operation> = Operation extends { requestBody: { content: { 'application/json': infer J } } } ? J : never

type Get<P extends keyof paths> = paths[P] extends { get: infer O } ? Ok<O> : never
type Item<P extends keyof paths> = Get<P> extends { items: (infer I)[] } ? I : never

export type District = Item<'/api/v1/public/districts'>
export type Vaccine = Item<'/api/v1/public/vaccines'>
export type Clinic = Item<'/api/v1/public/clinics'>
export type ClinicDetail = Get<'/api/v1/public/clinics/{clinic_id}'>
export type ClinicWindows = Get<'/api/v1/public/clinics/{clinic_id}/windows'>
export type ClinicSession = ClinicWindows['sessions'][number]
export type SessionWindow = ClinicSession['windows'][number]
export type SessionStock = ClinicSession['stocks'][number]
export type Person = Item<'/api/v1/resident/people'>
export type NewPerson = Body<paths['/api/v1/resident/people']['post']>
export type ReminderChoices = Body<paths['/api/v1/resident/reminders']['put']>
export type Reservation = Item<'/api/v1/resident/reservations'>
export type Campaign = Item<'/api/v1/public/campaigns'>
export type CampaignDetail = Get<'/api/v1/public/campaigns/{campaign_id}'>
export type Entry = Item<'/api/v1/resident/entries'>
export type Offer = Get<'/api/v1/resident/offers/{offer_id}'>
export type RoomPlace = Get<'/api/v1/resident/rooms/{room_id}/place'>
export type HoldDetail = Get<'/api/v1/resident/holds/{hold_id}'>
