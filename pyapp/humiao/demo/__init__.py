"""The demo city: generated clinics, sessions and people, so that a newcomer can book within minutes."""
