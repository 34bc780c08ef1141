//! What is due, as it is read.

use airside_common::flight::FlightId;
use airside_common::locator::Locator;

use super::unreadable;
use crate::features::bookings::command::Duty;

/// A duty for each locator.
pub(crate) fn of_bookings(
    locators: &[String],
    duty: fn(Locator) -> Duty,
) -> Result<Vec<Duty>, sqlx::Error> {
    let locators = locators.iter().map(|locator| {
        let locator = locator.parse();
        locator.map_err(|_| unreadable("bookings.locator"))
    });
    locators.map(|locator| Ok(duty(locator?))).collect()
}

/// Flights whose free seats go to those who wait.
pub(crate) fn clearing(flights: Vec<i64>) -> impl Iterator<Item = Duty> {
    let flights = flights.into_iter().map(FlightId::from_raw);
    flights.map(Duty::Clear)
}
