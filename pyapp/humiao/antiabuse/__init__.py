"""Limits on what can be abused: challenges, budgets for messages, signals for people to review."""
