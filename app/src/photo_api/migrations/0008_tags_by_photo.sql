-- outside a transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS photo_tags_photo ON photo_tags (photo_id)
