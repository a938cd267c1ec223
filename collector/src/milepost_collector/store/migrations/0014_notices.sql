-- Notices: who is told of what, and what became of it.
--
-- Nothing here is personal: a notice names its order, and the address is read from the order's
-- contact (`personal`) when it goes out. Who was erased there is not told, and nothing is left here
-- but ids, kinds and times. Channels' addresses and secrets stand in the configuration alone.

-- One row: what happened before is history, and tells nobody anything.
CREATE TABLE notice_office (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    fresh_from  timestamptz NOT NULL     -- our time: when notices began, or the database was restored
);

CREATE TABLE notice (
    number     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         uuid NOT NULL UNIQUE,     -- the key by which a provider knows a repeat
    once       text NOT NULL,            -- order, attempt, kind and channel
    event      uuid NOT NULL,
    type       text NOT NULL,            -- the event's
    time       timestamptz NOT NULL,     -- when that happened
    kind       text NOT NULL,            -- milepost_collector.delivery.notices.rules.NoticeKind
    channel    text NOT NULL,            -- a name of the configuration, or `webhook`
    order_id   text,                     -- NULL: it is of the stop, for those of the house
    plan       text NOT NULL,
    stop       text NOT NULL,
    attempt    smallint NOT NULL,
    from_ms    bigint,                   -- the time of arrival that it tells: hardly before,
    to_ms      bigint,                   -- hardly after,
    eta_ms     bigint,                   -- as likely earlier as later,
    was_ms     bigint,                   -- and that before it moved
    cause      text,                     -- the kind of incident
    state      text NOT NULL
        CHECK (state IN ('waiting', 'sending', 'sent', 'unknown', 'failed', 'dropped')),
    reason     text,                     -- why it was dropped, failed, or what is unknown
    made_at    timestamptz NOT NULL,     -- our time, as the next two
    held_to    timestamptz,              -- it waits until then; NULL: it does not
    stale_at   timestamptz,              -- later it helps nobody; NULL: somebody wants it
    told_at    timestamptz,              -- our time at which it went out, or may have
    tries      smallint NOT NULL DEFAULT 0,   -- calls that began
    failures   smallint NOT NULL DEFAULT 0,   -- in a row, of those that reached nobody
    retry_at   timestamptz,              -- the server's time; NULL: at once
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 70);                -- room to update a row on its page

-- What was dropped may be told after all, by another event.
CREATE UNIQUE INDEX notice_once ON notice (once) WHERE state <> 'dropped';
CREATE INDEX notice_waiting ON notice (number) WHERE state = 'waiting';
CREATE INDEX notice_sending ON notice (number) WHERE state = 'sending';
CREATE INDEX notice_event ON notice (event) WHERE state = 'waiting';
CREATE INDEX notice_order ON notice (order_id, channel) WHERE order_id IS NOT NULL;
CREATE INDEX notice_stop ON notice (plan, stop, channel) WHERE order_id IS NULL;
CREATE INDEX notice_state ON notice (state, number);

-- Who wants to hear nothing. The wish outlives the contact, so it is kept as a digest of the address
-- with the salt below; it is a pseudonym, and goes when the wish is taken back.
CREATE TABLE notice_optout (
    address  bytea PRIMARY KEY CHECK (octet_length(address) = 32),
    at       timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE notice_salt (
    one   boolean PRIMARY KEY DEFAULT true CHECK (one),
    salt  bytea NOT NULL
);

INSERT INTO notice_salt (salt)
SELECT sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'));
