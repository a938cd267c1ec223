-- Webhooks: who is told of which events, and what is still to be told.
--
-- All times here are those of this server. The place in the feed lies in the same database as the
-- events, so a restored one goes on from a place that fits the events that it holds.

CREATE TABLE webhook (
    id                integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    url               text NOT NULL,
    types             text[],            -- NULL: all; one that ends with a dot: all that begin so
    vehicles          text[],            -- NULL: all
    queued_to         bigint NOT NULL,   -- every event up to this number has been looked at
    replays           integer NOT NULL DEFAULT 0,   -- grows when somebody has changed the queue
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    disabled_because  text,              -- NULL: it is enabled
    delivered         bigint NOT NULL DEFAULT 0,
    delivered_at      timestamptz,       -- the newest success
    failing_since     timestamptz,       -- the first failure after that; NULL: none
    last_error        text,              -- of the newest failure
    CHECK (queued_to >= 0)
) WITH (fillfactor = 50);                -- room to update a row on its page

-- What deliveries are signed with: the newest, and older ones until their time.
CREATE TABLE webhook_secret (
    webhook  integer NOT NULL REFERENCES webhook ON DELETE CASCADE,
    secret   text NOT NULL,
    made_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    until    timestamptz,                -- NULL: for ever
    PRIMARY KEY (webhook, secret)
);

-- Events that are to be delivered, and dead letters: those that were given up. The event itself
-- stays in its own table alone, so that what is erased there is not sent from here.
CREATE TABLE webhook_delivery (
    webhook         integer NOT NULL REFERENCES webhook ON DELETE CASCADE,
    number          bigint NOT NULL,     -- the event's place in the feed
    subject         text NOT NULL,       -- its vehicle; one at a time is sent, in this order
    queued_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts        smallint NOT NULL DEFAULT 0,   -- failures that count against the schedule
    due_at          timestamptz,         -- not before; NULL: at once
    first_tried_at  timestamptz,
    tried_at        timestamptz,
    status          smallint,            -- of the newest failure; NULL: no answer came
    error           text,
    dead_at         timestamptz,         -- NULL: it waits
    PRIMARY KEY (webhook, number)
);

CREATE INDEX webhook_delivery_waiting ON webhook_delivery (webhook, subject, number)
    WHERE dead_at IS NULL;
CREATE INDEX webhook_delivery_dead ON webhook_delivery (webhook, number)
    WHERE dead_at IS NOT NULL;
