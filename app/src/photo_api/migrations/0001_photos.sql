-- Photos. `views` changes often and is in no index, and pages keep room: such an update is heap-only and cheap.
-- `taken_at` is the camera's clock; a time zone is known only where the offset is.
CREATE TABLE photos (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint NOT NULL CHECK (user_id > 0),
    idempotency_key text CHECK (length(idempotency_key) BETWEEN 1 AND 64),
    sha256 bytea NOT NULL CHECK (length(sha256) = 32),
    size_bytes integer NOT NULL CHECK (size_bytes > 0),
    width integer NOT NULL CHECK (width > 0),
    height integer NOT NULL CHECK (height > 0),
    caption text NOT NULL CHECK (length(caption) <= 2000),
    tags text[] NOT NULL,
    camera text CHECK (length(camera) BETWEEN 1 AND 200),
    taken_at timestamp,
    taken_utc_offset_minutes smallint CHECK (abs(taken_utc_offset_minutes) < 1440),
    latitude double precision CHECK (latitude BETWEEN -90 AND 90),
    longitude double precision CHECK (longitude BETWEEN -180 AND 180),
    views bigint NOT NULL DEFAULT 0,
    uploaded_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((latitude IS NULL) = (longitude IS NULL)),
    CHECK (taken_utc_offset_minutes IS NULL OR taken_at IS NOT NULL)
) WITH (fillfactor = 90)
