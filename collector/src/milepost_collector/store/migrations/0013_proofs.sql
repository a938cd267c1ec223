-- Proofs of delivery: what shows that a stop was served, and a record that nobody changes.
--
-- Whatever is personal (picture, signature, name, note, place) lies in `proof_part` alone and can be
-- erased there. The record holds ids, times and salted digests.

-- The end of each chain: a plan has one.
CREATE TABLE proof_chain (
    plan   text PRIMARY KEY,
    links  bigint NOT NULL DEFAULT 0,    -- how many it has,
    head   bytea NOT NULL DEFAULT '\x0000000000000000000000000000000000000000000000000000000000000000'
);                                       -- and the hash of the newest (above)

-- Erased: content, picture and salt are gone, and the row stays, so that it is known.
CREATE TABLE proof_part (
    no         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plan       text NOT NULL,
    stop       text NOT NULL,
    kind       text NOT NULL
        CHECK (kind IN ('request', 'photo', 'signature', 'name', 'note', 'place')),
    salt       bytea,                    -- makes its digest in the record unguessable
    content    text,                     -- JSON, canonical
    picture    bytea,                    -- of a photo: as it was encoded by us
    made_at    timestamptz NOT NULL,
    erased_at  timestamptz,
    CHECK ((erased_at IS NULL) = (salt IS NOT NULL) AND (erased_at IS NULL) = (content IS NOT NULL)),
    CHECK ((kind = 'photo' AND erased_at IS NULL) = (picture IS NOT NULL)),
    CHECK (octet_length(picture) <= 1048576)
);

-- JPEG does not get smaller.
ALTER TABLE proof_part ALTER COLUMN picture SET STORAGE EXTERNAL;

CREATE INDEX proof_part_stop ON proof_part (plan, stop);

-- The record. Each row holds the hash of the one before, within its chain. A proof is a row of kind
-- `proof.made` and one for each of its parts, all with the same input; what is erased later is told
-- by a row of kind `erased`.
CREATE TABLE proof_link (
    chain     text NOT NULL,             -- `proof/` and the plan
    n         bigint NOT NULL,           -- from 1
    at        timestamptz NOT NULL CHECK (isfinite(at)),   -- our time
    source    text NOT NULL CHECK (source IN ('dispatcher', 'driver', 'fence', 'import')),
    input     text NOT NULL,             -- the key that the phone gave it, or what erased it
    kind      text NOT NULL,
    stop      text,
    order_id  text,                      -- unused: `said` holds the orders of a proof
    said      text NOT NULL,             -- JSON, canonical
    previous  bytea NOT NULL CHECK (octet_length(previous) = 32),
    hash      bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (chain, n)
);

-- Counts once, however often it is sent.
CREATE UNIQUE INDEX proof_link_input ON proof_link (chain, input, kind) WHERE kind <> 'erased';
CREATE INDEX proof_link_stop ON proof_link (stop, chain);
-- A proof by its id, also where somebody has made nonsense of `said`.
CREATE INDEX proof_link_proof ON proof_link (substring(said FROM '"proof":"([0-9a-f-]{36})"'));

CREATE TRIGGER proof_link_only_grows
    BEFORE UPDATE OR DELETE OR TRUNCATE ON proof_link
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_record();

-- Also for a session that plays a replica, for which triggers are silent otherwise.
ALTER TABLE proof_link ENABLE ALWAYS TRIGGER proof_link_only_grows;
