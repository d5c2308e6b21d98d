GRANT SELECT, INSERT, DELETE, UPDATE (removed_at, claimed_at) ON photo_removals TO photos_app
