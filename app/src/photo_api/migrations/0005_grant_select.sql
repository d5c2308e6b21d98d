-- The application's role can do what the API does and no more. It reads schema_versions to say whether it is ready.
GRANT SELECT ON photos, photo_tags, schema_versions TO photos_app
