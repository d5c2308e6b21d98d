-- Files of deleted photos that S3 may still hold: a row of photos goes at once, its file when no upload can want it.
-- `claimed_at`: a process is removing the file, so nothing may begin to use it.
CREATE TABLE photo_removals (
    user_id bigint NOT NULL,
    sha256 bytea NOT NULL CHECK (length(sha256) = 32),
    removed_at timestamptz NOT NULL DEFAULT now(),
    claimed_at timestamptz,
    PRIMARY KEY (user_id, sha256)
)
