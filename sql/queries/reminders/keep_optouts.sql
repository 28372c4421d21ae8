-- An account does not want these kinds.  $1 account_id uuid  $2 kinds text[]
INSERT INTO reminder_optouts (account_id, kind) SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING
