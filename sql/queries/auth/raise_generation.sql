-- Make every token of an audience that was signed so far worthless.  $1 audience text
UPDATE token_generations SET generation = generation + 1 WHERE audience = $1 RETURNING generation
