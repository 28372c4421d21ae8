"""Eligibility: which person may book which vaccine, decided before the rush and carried as a signed pass."""
