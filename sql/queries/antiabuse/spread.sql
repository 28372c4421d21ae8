-- How widely codes were sent in the last day: to how many phones from a device, from how many devices to a phone.
-- $1 phone_index bytea  $2 device_index bytea
SELECT (SELECT count(DISTINCT phone_index) FROM login_codes
        WHERE device_index = $2 AND created_at > now() - interval '1 day')::integer AS phones,
       (SELECT count(DISTINCT device_index) FROM login_codes
        WHERE phone_index = $1 AND created_at > now() - interval '1 day')::integer AS devices
