"""Vaccination certificates: issued, printed, verified with or without a network, revoked."""
