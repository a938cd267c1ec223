-- Desks: each a log of inputs, and what came of it. A desk is of a plan (`plan/ID`) or of a vehicle
-- (`vehicle/ID`). Its row is locked for the whole of a transaction that takes an input.
CREATE TABLE desk (
    name          text PRIMARY KEY,
    number        bigint NOT NULL,       -- of the newest input
    at_ms         bigint NOT NULL,       -- its time by our clock, UTC milliseconds since 1970
    state         bytea NOT NULL,        -- what is remembered, as delivery.desk packs it
    due_ms        bigint,                -- when time alone gives something to tell; NULL: never
    plan_version  integer                -- the version of its plan that it was told
);

CREATE INDEX desk_due ON desk (due_ms) WHERE due_ms IS NOT NULL;

-- Replaying a desk's log from its beginning gives the same events, byte for byte.
CREATE TABLE desk_input (
    desk    text NOT NULL REFERENCES desk,
    number  bigint NOT NULL,             -- from 1, without gaps
    at_ms   bigint NOT NULL,
    body    jsonb NOT NULL,              -- as delivery.desk writes inputs
    PRIMARY KEY (desk, number)
);

-- The newest forecast of each stop that remains.
CREATE TABLE stop_eta (
    plan     text NOT NULL,
    stop     text NOT NULL,
    eta      timestamptz NOT NULL,
    low      timestamptz NOT NULL,
    high     timestamptz NOT NULL,
    made_at  timestamptz NOT NULL,
    PRIMARY KEY (plan, stop)
);
