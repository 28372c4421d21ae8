"""A rush: many residents race for few places through the real API, and an audit says what came of it.

    race (residents over HTTP)  +  fault (what happens in the middle)  ->  audit (SQL and cache)  ->  verdict

The residents and the clinic exist for the rehearsal only and are hidden from residents' lists. The verdict is bad when
a place was sold twice, a person holds two, an acknowledged hold is not in PostgreSQL, places were left though people
asked, or the cache disagrees with PostgreSQL after settling.
"""
