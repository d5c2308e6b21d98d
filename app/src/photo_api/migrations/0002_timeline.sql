-- A user's timeline: equality on the user, then the newest first. Walked backwards, it needs no sort.
CREATE INDEX photos_timeline ON photos (user_id, id)
