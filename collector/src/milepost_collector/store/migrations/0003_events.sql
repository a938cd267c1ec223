-- Definitions, events, and the feed that numbers them.

-- Never overwritten: a fix meets the newest definitions whose effective_at is not after its time.
CREATE TABLE definitions (
    version       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    effective_at  timestamptz NOT NULL,
    digest        bytea NOT NULL,        -- SHA-256 of the fences' canonical JSON
    fences        jsonb NOT NULL         -- a GeoJSON FeatureCollection
);

CREATE TABLE event (
    time         timestamptz NOT NULL,   -- GPS time at which it happened
    id           uuid NOT NULL,
    type         text NOT NULL,
    device       text NOT NULL,
    subject      text NOT NULL,
    data         jsonb NOT NULL,
    recorded_at  timestamptz NOT NULL,
    entry        bigint GENERATED ALWAYS AS IDENTITY,   -- order of writing, within a device
    number       bigint,                 -- place in the feed, given after the commit
    PRIMARY KEY (time, id)
);

CREATE UNIQUE INDEX event_number ON event (number) WHERE number IS NOT NULL;
CREATE INDEX event_fresh ON event (entry) WHERE number IS NULL;

-- One row. A feed has an id, so that a cursor of another database is known as such.
CREATE TABLE feed (
    one                boolean PRIMARY KEY DEFAULT true CHECK (one),
    id                 uuid NOT NULL,
    last_number        bigint NOT NULL DEFAULT 0,
    system_identifier  bigint NOT NULL,  -- a copy of the database lives in another system,
    timeline           integer NOT NULL  -- and a restored one on another timeline
);

-- It is there from the beginning, so that it can be read before anybody has numbered an event.
INSERT INTO feed (id, system_identifier, timeline)
SELECT gen_random_uuid(), system_identifier, timeline_id
FROM pg_control_system(), pg_control_checkpoint();
