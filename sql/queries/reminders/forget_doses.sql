-- Forget what was due, to write it anew.  $1 person_ids uuid[]
DELETE FROM due_doses WHERE person_id = ANY($1::uuid[])
