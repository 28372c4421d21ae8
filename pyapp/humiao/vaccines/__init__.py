"""The vaccine catalogue."""
