-- Search by tag. A table and not a GIN index on photos.tags: a page of a tag that millions of photos carry reads a
-- page's worth of this key backwards, where a GIN index would have to collect and sort every match.
-- Written by the statement that writes the photo. The API deletes none; a photo that is deleted by hand takes its tags
-- along, by reading the whole table: an API that deletes needs an index on photo_id first.
CREATE TABLE photo_tags (
    tag text NOT NULL CHECK (length(tag) BETWEEN 1 AND 50),
    photo_id bigint NOT NULL REFERENCES photos (id) ON DELETE CASCADE,
    PRIMARY KEY (tag, photo_id)
)
