-- Gives positions to committed events that have none, from an id on, in the order of their ids; answers the highest id that
-- got one, and NULL where none did. One session at a time does it: who finds another at work waits for it, and then finds the
-- rest. A function, so that no program can stop half-way with the lock.
--
-- The rows are found by where they lie, which nobody changes but who has the lock.
CREATE FUNCTION give_outbox_positions(first_id bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    last_id bigint;
BEGIN
    -- "outbox" in ASCII. A lock of the table would have to wait for its vacuum.
    PERFORM pg_advisory_xact_lock(122550254464888);
    WITH given AS (
        UPDATE outbox SET position = next.position, published_at = clock_timestamp()
        FROM (SELECT place, nextval('outbox_positions') AS position
              FROM (SELECT ctid AS place FROM outbox WHERE position IS NULL AND id >= first_id ORDER BY id) AS open) AS next
        WHERE outbox.ctid = next.place RETURNING id
    )
    SELECT max(id) INTO last_id FROM given;
    RETURN last_id;
END
$$;

-- Servers of the release before give all of them.
CREATE OR REPLACE FUNCTION give_outbox_positions() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM give_outbox_positions(0);
END
$$;

-- A message is written anew when it is taken in hand. Where its page has room for that, no index is told.
ALTER TABLE messages SET (fillfactor = 45);
