-- An upload that is repeated with its key is found, not stored again. Uploads without a key cost nothing here.
CREATE UNIQUE INDEX photos_idempotency ON photos (user_id, idempotency_key) WHERE idempotency_key IS NOT NULL
