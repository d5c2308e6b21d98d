-- An upload is deleted with its tags, by the cascade, which needs no right of its own.
GRANT DELETE ON photos TO photos_app
