-- Upsert the vaccines. $1 codes, $2 Chinese names, $3 English names, $4 kinds, $5 sexes, $6 minimum ages,
-- $7 age limits, $8 bookable, $9 pinyin, $10 initials, $11 details as JSON text (parallel arrays).
INSERT INTO vaccines AS v (vaccine_code, name_zh, name_en, kind, sex, min_age, max_age_exclusive, bookable,
                           pinyin, pinyin_initials, detail)
SELECT code, name_zh, name_en, kind, sex, min_age, max_age_exclusive, bookable, pinyin, initials, detail::jsonb
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[],
            $9::text[], $10::text[], $11::text[])
     AS e (code, name_zh, name_en, kind, sex, min_age, max_age_exclusive, bookable, pinyin, initials, detail)
ON CONFLICT (vaccine_code) DO UPDATE
SET name_zh = excluded.name_zh, name_en = excluded.name_en, kind = excluded.kind, sex = excluded.sex,
    min_age = excluded.min_age, max_age_exclusive = excluded.max_age_exclusive, bookable = excluded.bookable,
    pinyin = excluded.pinyin, pinyin_initials = excluded.pinyin_initials, detail = excluded.detail
WHERE (v.name_zh, v.name_en, v.kind, v.sex, v.min_age, v.max_age_exclusive, v.bookable, v.pinyin,
       v.pinyin_initials, v.detail)
      IS DISTINCT FROM (excluded.name_zh, excluded.name_en, excluded.kind, excluded.sex, excluded.min_age,
                        excluded.max_age_exclusive, excluded.bookable, excluded.pinyin, excluded.pinyin_initials,
                        excluded.detail)
