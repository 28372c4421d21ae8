"""Journeys, one to a file."""
