"""What is due for whom, kept up to date, and the reminders planned from it."""
