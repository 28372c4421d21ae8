-- Owe the resident the SMS with the code; phone and code are in the sealed payload.
-- $1 payload jsonb  $2 payload_sealed bytea
INSERT INTO outbox_messages (topic, subject, payload, payload_sealed) VALUES ('sms.login_code', 'phone', $1, $2)
