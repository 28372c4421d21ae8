"""Clinic sessions, windows, channel quotas and stock: publishing and editing them."""
