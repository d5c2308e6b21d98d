-- The only column that ever changes.
GRANT UPDATE (views) ON photos TO photos_app
