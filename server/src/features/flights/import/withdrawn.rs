//! Flights that a whole file of a carrier's season does not have any more. They are reported, and nothing else.

use airside_common::flight::{FlightId, FlightStatus};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

use super::reading::WholeFile;
use super::{ImportError, Watch};
use crate::features::flights::store::{FlightFilter, FlightPlan, FlightPosition, FlightStore};
use crate::formats::{Coverage, Days, FlightKey};

/// Flights that are read at once.
const PAGE: u32 = 1000;

/// Tells of each flight that operates in what is covered and that the file does not have; how many there are.
pub(super) async fn report(
    store: &dyn FlightStore,
    coverage: &Coverage,
    file: &WholeFile,
    watch: &mut dyn Watch,
) -> Result<u64, ImportError> {
    let filter = FlightFilter {
        carrier: Some(coverage.carrier),
        status: Some(FlightStatus::Scheduled),
        ..FlightFilter::default()
    };
    // No airport's clocks are a day away from UTC.
    let mut position = coverage.from.yesterday().ok().map(before);
    let last = coverage.to.tomorrow().unwrap_or(coverage.to);
    let mut withdrawn = 0;
    loop {
        let page = store.list(&filter, position, PAGE).await?;
        let Some(end) = page.last() else {
            return Ok(withdrawn);
        };
        let past_the_end = utc_date(&end.plan) > last;
        position = Some(FlightPosition {
            departure: end.plan.departure.instant().as_microsecond(),
            id: end.id,
        });
        for flight in &page {
            let date = match coverage.days {
                Days::Local => flight.plan.departure.date(),
                Days::Utc => utc_date(&flight.plan),
            };
            let covered = (coverage.from..=coverage.to).contains(&date)
                && !coverage.unsure.contains(&flight.plan.number);
            if covered && !file.has(&FlightKey::of(&flight.plan)) {
                withdrawn += 1;
                watch.withdrawn(flight)?;
            }
        }
        if past_the_end {
            return Ok(withdrawn);
        }
    }
}

/// The position before all flights of a day in UTC.
fn before(day: Date) -> FlightPosition {
    FlightPosition {
        departure: Offset::UTC
            .to_timestamp(day.at(0, 0, 0, 0))
            .map_or(i64::MIN, Timestamp::as_microsecond),
        id: FlightId::from_raw(0),
    }
}

fn utc_date(plan: &FlightPlan) -> Date {
    Offset::UTC.to_datetime(plan.departure.instant()).date()
}
