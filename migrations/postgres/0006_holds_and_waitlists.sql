-- Held bookings by their time limit, and waitlisted segments by their cabin: two indexes over the few rows that are meant.
-- Building them reads both tables once, while nobody else writes to them: a second or so for some millions of bookings. Built
-- CONCURRENTLY, one that is given up leaves an index behind that is not used, and the migration marked as begun.
LOCK TABLE bookings, segments IN SHARE MODE;
CREATE INDEX bookings_held ON bookings (time_limit) WHERE status = 'held';
CREATE INDEX segments_waiting ON segments (flight_id, cabin, booking_id) WHERE status = 'HL';

-- What nobody asked for has no user: a time limit that passed, a waitlist that was cleared.
ALTER TABLE history ALTER COLUMN user_id DROP NOT NULL;
