"""Immunizations: what the programme asks of a person, judged from recorded doses; what is due next."""
