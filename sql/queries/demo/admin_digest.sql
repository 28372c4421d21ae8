-- What the password of the demo's administrator is compared with, while the account is open.
SELECT password_digest FROM staff WHERE username = 'demo-admin' AND status = 'active'
