-- What happens to a booking while somebody works at its entry of a queue is not lost with the entry, which comes back.

-- The booking's version that is known: that of the event which put it there, then that which it had when it was taken last.
-- NULL: none is known.
ALTER TABLE queue_items ADD COLUMN known_version bigint;
-- Whether something has come since it was taken last that who has taken it does not know.
ALTER TABLE queue_items ADD COLUMN has_news boolean NOT NULL DEFAULT FALSE;
