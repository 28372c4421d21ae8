"""Identity of residents and staff: codes, passwords, tokens."""
