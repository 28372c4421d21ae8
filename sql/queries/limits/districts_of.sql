-- Where a person lives and works, as they declared.  $1 person_id uuid
SELECT residence_district, work_district FROM persons WHERE person_id = $1
