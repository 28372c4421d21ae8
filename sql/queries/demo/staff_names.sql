-- Usernames of staff that are taken, so that only missing demo accounts cost a password digest.
SELECT username FROM staff
