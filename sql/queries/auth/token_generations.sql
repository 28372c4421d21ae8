-- Below which generation the tokens of each audience are refused.
SELECT audience, generation FROM token_generations
