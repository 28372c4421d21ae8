/** One person the account acts for, by id: whose page this is. */
import { api, ask } from '../api'
import { useLoad } from './useLoad'

export const usePerson = (personId: string) =>
  useLoad(() => ask(api.GET('/api/v1/resident/people/{person_id}', { params: { path: { person_id: personId } } })))
