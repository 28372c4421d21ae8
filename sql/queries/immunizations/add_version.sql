-- Add a record (version 1) or the next version of one. A version that is not the next, or of another person, breaks the
-- foreign key; a day and series that another record holds breaks the key of immunization_days.
-- $1 record_id uuid  $2 version smallint  $3 person_id uuid  $4 vaccine_code text  $5 given_on date  $6 dose_recorded smallint
-- $7 lot text  $8 clinic_id integer  $9 campaign boolean  $10 course_complete boolean  $11 override text  $12 source text
-- $13 verified boolean  $14 void boolean  $15 reason text  $16 note_sealed bytea  $17 recorded_by text  $18 recorded_from text
-- $19 tracing_code text  $20 manufacturer text  $21 site text  $22 route text  $23 place text  $24 vaccinator text
-- $25 import_id uuid  $26 import_row integer
INSERT INTO immunization_records (record_id, version, person_id, vaccine_code, given_on, dose_recorded, lot, clinic_id,
                                  campaign, course_complete, override, source, verified, void, reason, note_sealed,
                                  recorded_by, recorded_from, tracing_code, manufacturer, site, route, place, vaccinator,
                                  import_id, import_row)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
        $25, $26)
