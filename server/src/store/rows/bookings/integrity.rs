//! Rows that contradict each other: statements that both databases run, and what no statement can say.

use airside_common::flight::Cabin;

use crate::features::bookings::integrity::Violation;
use crate::features::flights::seat_layout::SeatLayout;

/// Each statement answers (row, fault) and nothing where all is well.
pub(crate) const CHECKS: [&str; 14] = [
    // Counters against the seats of living segments.
    "SELECT 'inventory ' || i.flight_id || ' cabin ' || i.cabin,
            'sold is ' || i.sold || ', but living segments hold ' || coalesce(h.seats, 0)
     FROM inventory i
     LEFT JOIN (SELECT flight_id, cabin, sum(seats) AS seats FROM segments
                WHERE status IN ('HK', 'TK') GROUP BY flight_id, cabin) h
     ON h.flight_id = i.flight_id AND h.cabin = i.cabin
     WHERE i.sold <> coalesce(h.seats, 0)",
    "SELECT 'inventory ' || flight_id || ' cabin ' || cabin, 'sold is ' || sold || ' of ' || capacity
     FROM inventory WHERE sold < 0 OR sold > capacity",
    "SELECT 'booking ' || b.locator || ' segment ' || s.position,
            'flight ' || s.flight_id || ' has no cabin ' || s.cabin
     FROM segments s JOIN bookings b ON b.id = s.booking_id
     WHERE s.status IN ('HK', 'TK')
       AND NOT EXISTS (SELECT 1 FROM inventory i WHERE i.flight_id = s.flight_id AND i.cabin = s.cabin)",
    // What names a flight has it, be it by a key of the schema or not; a chosen seat lies on a segment, as is looked for below.
    "SELECT 'booking ' || b.locator || ' segment ' || s.position, 'flight ' || s.flight_id || ' is not there'
     FROM segments s JOIN bookings b ON b.id = s.booking_id
     WHERE NOT EXISTS (SELECT 1 FROM flights f WHERE f.id = s.flight_id)",
    "SELECT 'inventory ' || i.flight_id || ' cabin ' || i.cabin, 'the flight is not there'
     FROM inventory i WHERE NOT EXISTS (SELECT 1 FROM flights f WHERE f.id = i.flight_id)",
    // Seats that a segment counts against the people of its booking.
    "SELECT 'booking ' || b.locator || ' segment ' || s.position,
            'takes ' || s.seats || ' seats for ' || p.people || ' people'
     FROM segments s JOIN bookings b ON b.id = s.booking_id
     JOIN (SELECT booking_id, count(CASE WHEN kind <> 'infant' THEN 1 END) AS people FROM passengers GROUP BY booking_id) p
     ON p.booking_id = s.booking_id
     WHERE s.seats <> p.people",
    // Chosen seats belong to people with seats on living segments of that flight.
    "SELECT 'seat ' || c.seat || ' of flight ' || c.flight_id, 'belongs to no living segment'
     FROM seats c
     LEFT JOIN segments s ON s.booking_id = c.booking_id AND s.position = c.segment
     LEFT JOIN passengers p ON p.booking_id = c.booking_id AND p.position = c.passenger
     WHERE s.booking_id IS NULL OR s.flight_id <> c.flight_id OR s.status NOT IN ('HK', 'TK')
        OR p.booking_id IS NULL OR p.kind = 'infant'",
    // What holds seats or waits for some has not ended.
    "SELECT 'booking ' || b.locator || ' segment ' || s.position, 'is ' || s.status || ' and has ended'
     FROM segments s JOIN bookings b ON b.id = s.booking_id
     WHERE s.status NOT IN ('UN', 'XX') AND s.ended_at IS NOT NULL",
    // A cancelled booking holds nothing; any other has at least one living segment.
    "SELECT 'booking ' || b.locator, 'is ' || b.status || ' with ' || count(s.booking_id) || ' living segments'
     FROM bookings b
     LEFT JOIN segments s ON s.booking_id = b.id AND s.status <> 'XX'
     GROUP BY b.id
     HAVING (b.status = 'cancelled') = (count(s.booking_id) > 0)",
    "SELECT 'booking ' || b.locator, 'is at version ' || b.version || ', its history at ' || coalesce(max(h.version), 0)
     FROM bookings b LEFT JOIN history h ON h.booking_id = b.id
     GROUP BY b.id HAVING coalesce(max(h.version), 0) <> b.version",
    // What is held has a time limit, and nothing else has one.
    "SELECT 'booking ' || locator, 'is ' || status || CASE WHEN time_limit IS NULL THEN ' without' ELSE ' with' END || ' a time limit'
     FROM bookings WHERE (status = 'held') <> (time_limit IS NOT NULL)",
    // A party waits for all its segments or for none.
    "SELECT 'booking ' || b.locator, 'is ' || b.status || ', and waits for ' || count(CASE WHEN s.status = 'HL' THEN 1 END)
            || ' of ' || count(s.booking_id) || ' segments'
     FROM bookings b JOIN segments s ON s.booking_id = b.id AND s.status <> 'XX'
     GROUP BY b.id, b.locator, b.status
     HAVING count(CASE WHEN s.status = 'HL' THEN 1 END) <> CASE WHEN b.status = 'waitlisted' THEN count(s.booking_id) ELSE 0 END",
    // Who made and changed a booking is somebody.
    "SELECT 'booking ' || b.locator, 'was made by ' || b.created_by || ', who is no user'
     FROM bookings b WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.id = b.created_by)",
    "SELECT 'booking ' || b.locator, 'got version ' || h.version || ' from ' || h.user_id || ', who is no user'
     FROM history h JOIN bookings b ON b.id = h.booking_id
     WHERE h.user_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM users u WHERE u.id = h.user_id)",
];

/// A chosen seat: its flight with aircraft, the cabin of its segment, and the flight's cabins as JSON (cabin, capacity).
#[derive(sqlx::FromRow)]
pub(crate) struct ChosenSeat {
    flight: i64,
    seat: String,
    aircraft: String,
    cabin: i16,
    cabins: String,
}

/// Looks at chosen seats, those of one flight after the other.
#[derive(Default)]
pub(crate) struct SeatsInTheirCabins {
    current: Option<(i64, SeatLayout)>,
}

impl SeatsInTheirCabins {
    /// A chosen seat lies in the cabin of its segment, by the layout of its aircraft.
    pub(crate) fn look(&mut self, chosen: &ChosenSeat) -> Option<Violation> {
        let layout = match self.current.take() {
            Some((of, layout)) if of == chosen.flight => layout,
            _ => layout(chosen)?,
        };
        let wanted = usize::try_from(chosen.cabin)
            .ok()
            .and_then(|index| Cabin::ALL.get(index).copied());
        let found = chosen
            .seat
            .parse()
            .ok()
            .and_then(|seat| layout.cabin_of(seat));
        self.current = Some((chosen.flight, layout));
        (found.is_none() || found != wanted).then(|| Violation {
            row: format!("seat {} of flight {}", chosen.seat, chosen.flight),
            fault: "does not exist in the booked cabin".to_owned(),
        })
    }
}

fn layout(chosen: &ChosenSeat) -> Option<SeatLayout> {
    let cabins: Vec<(usize, u32)> = serde_json::from_str(&chosen.cabins).unwrap_or_default();
    let mut capacities = [0; 4];
    for (index, capacity) in cabins {
        if let Some(place) = capacities.get_mut(index) {
            *place = capacity;
        }
    }
    Some(SeatLayout::of(chosen.aircraft.parse().ok()?, &capacities))
}
