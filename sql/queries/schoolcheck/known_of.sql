-- What decides about a school check of a person besides the records.  $1 person_id uuid  $2 stage text  $3 on date
SELECT exemptions_on($1, $3) AS exemptions, catch_up_asked_on($1, $2, $3) AS asked_on
