-- Search by tag. A table and not a GIN index on photos.tags: a page of a tag that millions of photos carry reads a
-- page's worth of this key backwards, where a GIN index would have to collect and sort every match.
-- Written by the statement that writes the photo. Nothing deletes photos yet: what will must go by their tags.
CREATE TABLE photo_tags (
    tag text NOT NULL CHECK (length(tag) BETWEEN 1 AND 50),
    photo_id bigint NOT NULL REFERENCES photos (id),
    PRIMARY KEY (tag, photo_id)
)
