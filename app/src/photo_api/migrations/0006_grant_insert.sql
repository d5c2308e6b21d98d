GRANT INSERT ON photos, photo_tags TO photos_app
