//! What webhooks can be told. A new type of event is a line here.

/// The types of events. Others speak of sessions and users, which are nobody else's affair, or come with every sale.
pub const EVENTS: [&str; 11] = [
    "booking.created",
    "booking.confirmed",
    "booking.changed",
    "booking.expiring",
    "booking.cancelled",
    "booking.expired",
    "waitlist.cleared",
    "flight.created",
    "flight.changed",
    "flight.cancelled",
    "flights.imported",
];

/// The type of a test, which happens when an admin asks for it.
pub const TEST: &str = "webhook.test";
