-- Those who carry events out of the house, each with its place in the feed.
--
-- The row stands in the same database as the events, so a restored one holds a place that fits the
-- events that it holds: whatever lies behind it was confirmed before the copy was made.
CREATE TABLE consumer (
    name        text PRIMARY KEY,
    feed        uuid NOT NULL,           -- of the feed that `number` counts in
    begun       bigint NOT NULL,         -- where it began: an emptied log is filled from here again
    number      bigint NOT NULL,         -- every event up to here was confirmed by the other side
    updated_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (0 <= begun AND begun <= number)
) WITH (fillfactor = 50);                -- room to update a row on its page
