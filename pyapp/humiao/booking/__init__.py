"""Holds and reservations: the engine, the ledger behind it, and their HTTP face."""
