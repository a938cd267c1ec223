-- Plans: who goes where on a day, in which order, and what is brought to whom.
--
-- Whatever is personal (names, numbers, notes, addresses, coordinates) lies in `personal` alone and
-- can be erased there. All other tables hold ids, kinds, numbers and times.

-- Erased: content and salt are gone, and the row stays, so that it is known that it was erased.
CREATE TABLE personal (
    no         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       text NOT NULL CHECK (kind IN ('way', 'place', 'contact', 'note')),
    plan       text,                     -- whose way, place or note it is
    stop       text,
    order_id   text,                     -- whose contact it is
    salt       bytea,                    -- makes its digest in the record unguessable
    content    text,                     -- JSON, canonical: what the digest is of
    made_at    timestamptz NOT NULL,
    erased_at  timestamptz,
    CHECK ((erased_at IS NULL) = (salt IS NOT NULL) AND (erased_at IS NULL) = (content IS NOT NULL))
);

CREATE INDEX personal_plan ON personal (plan, stop) WHERE plan IS NOT NULL;
CREATE INDEX personal_order ON personal (order_id) WHERE order_id IS NOT NULL;

-- One row; its version grows with every version of any plan, in the same transaction.
CREATE TABLE plan_counter (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    version  bigint NOT NULL DEFAULT 0
);

INSERT INTO plan_counter DEFAULT VALUES;

CREATE TABLE plan (
    id         text PRIMARY KEY,
    vehicle    text NOT NULL,
    day        date NOT NULL,            -- where the vehicle is
    time_zone  text NOT NULL,
    way        bigint NOT NULL REFERENCES personal,   -- depot and path
    version    integer NOT NULL,         -- the newest one
    changes    bigint NOT NULL DEFAULT 0,   -- how many changes the record has of it,
    head       bytea NOT NULL DEFAULT '\x0000000000000000000000000000000000000000000000000000000000000000',
    erased_at  timestamptz               -- and the hash of the newest (above)
);

CREATE INDEX plan_vehicle_day ON plan (vehicle, day);
CREATE INDEX plan_day ON plan (day);

-- The newest version's stops, and those that were skipped.
CREATE TABLE plan_stop (
    plan        text NOT NULL REFERENCES plan,
    id          text NOT NULL,
    position    integer NOT NULL,        -- from 0
    place       bigint NOT NULL REFERENCES personal,
    radius_m    double precision NOT NULL,
    from_ms     bigint,                  -- window, UTC milliseconds since 1970; NULL: any time
    to_ms       bigint,
    service_s   double precision NOT NULL,
    priority    smallint NOT NULL,
    state       text NOT NULL DEFAULT 'pending',   -- milepost_collector.delivery.states.StopState
    state_at    timestamptz,             -- since when, by whoever told; NULL: since it was planned
    attempts    smallint NOT NULL DEFAULT 1,       -- the one that is due, or was made, included
    incident    text,                    -- the newest: delivery.states.IncidentKind
    note        bigint REFERENCES personal,        -- what was said of it
    photo       text,                    -- the id of its picture
    PRIMARY KEY (plan, id)
);

CREATE TABLE customer_order (
    id         text PRIMARY KEY,
    state      text NOT NULL DEFAULT 'ordered',    -- milepost_collector.delivery.states.OrderState
    state_at   timestamptz NOT NULL,
    contact    bigint NOT NULL REFERENCES personal,
    plan       text,                     -- where it is brought, or was last
    stop       text,
    changes    bigint NOT NULL DEFAULT 0,          -- as of plans: those outside of any
    head       bytea NOT NULL DEFAULT '\x0000000000000000000000000000000000000000000000000000000000000000',
    erased_at  timestamptz,
    FOREIGN KEY (plan, stop) REFERENCES plan_stop DEFERRABLE INITIALLY DEFERRED
);

CREATE INDEX customer_order_stop ON customer_order (plan, stop);

CREATE TABLE parcel (
    id        text PRIMARY KEY,
    order_id  text NOT NULL REFERENCES customer_order,
    position  integer NOT NULL
);

CREATE INDEX parcel_order ON parcel (order_id);

-- What a plan brings; an order that is tried again by another plan stays in both.
CREATE TABLE plan_order (
    plan      text NOT NULL,
    order_id  text NOT NULL REFERENCES customer_order,
    stop      text NOT NULL,
    position  integer NOT NULL,
    PRIMARY KEY (plan, order_id),
    FOREIGN KEY (plan, stop) REFERENCES plan_stop DEFERRABLE INITIALLY DEFERRED
);

CREATE INDEX plan_order_stop ON plan_order (plan, stop);

-- Never overwritten: what was in force when. It holds from `effective_at` until the next one does.
CREATE TABLE plan_version (
    plan          text NOT NULL REFERENCES plan,
    version       integer NOT NULL,
    effective_at  timestamptz NOT NULL,
    vehicle       text NOT NULL,
    day           date NOT NULL,
    time_zone     text NOT NULL,
    way           bigint NOT NULL REFERENCES personal,
    -- In order: [id, number of its place in `personal`, radius_m, from_ms, to_ms, service_s]
    stops         jsonb NOT NULL,
    PRIMARY KEY (plan, version)
);

CREATE INDEX plan_version_day ON plan_version (day);

-- The record: what changed, by whom, from which input. Each row holds the hash of the one before,
-- within its chain. Of what is personal it holds salted digests alone.
CREATE TABLE plan_change (
    chain     text NOT NULL,             -- `plan/ID`, or `order/ID` of one that was in no plan
    n         bigint NOT NULL,           -- from 1
    at        timestamptz NOT NULL,      -- our time
    source    text NOT NULL CHECK (source IN ('dispatcher', 'driver', 'fence', 'import')),
    input     text NOT NULL,             -- which request, event, tap, or line of a file
    kind      text NOT NULL,
    stop      text,
    order_id  text,
    said      text NOT NULL,             -- JSON, canonical
    previous  bytea NOT NULL CHECK (octet_length(previous) = 32),
    hash      bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (chain, n)
);

CREATE INDEX plan_change_order ON plan_change (order_id, at) WHERE order_id IS NOT NULL;

CREATE FUNCTION refuse_change_of_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: it is a record that only grows', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER plan_change_only_grows
    BEFORE UPDATE OR DELETE OR TRUNCATE ON plan_change
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_record();

-- Also for a session that plays a replica, for which triggers are silent otherwise.
ALTER TABLE plan_change ENABLE ALWAYS TRIGGER plan_change_only_grows;

CREATE TRIGGER plan_version_only_grows
    BEFORE UPDATE OR DELETE OR TRUNCATE ON plan_version
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_record();

ALTER TABLE plan_version ENABLE ALWAYS TRIGGER plan_version_only_grows;

-- Requests that came with a key (`Idempotency-Key`), and what they were answered.
CREATE TABLE plan_request (
    key     text PRIMARY KEY,
    digest  bytea NOT NULL,              -- SHA-256 of what was asked
    status  smallint NOT NULL,
    answer  text NOT NULL,               -- JSON; ids, kinds and numbers alone
    at      timestamptz NOT NULL
);

CREATE INDEX plan_request_at ON plan_request (at);

-- A number that grows with everything that the engine goes by: fences, rules, and plans. Whoever
-- holds them ready asks for it beside the rows that it locks.
CREATE FUNCTION newest_definitions() RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT (SELECT coalesce(max(version), 0) FROM definitions) + (SELECT version FROM plan_counter)
$$;
