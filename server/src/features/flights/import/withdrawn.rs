//! Flights that a whole file of a carrier's season does not have any more. They are reported, and nothing else.

use airside_common::flight::{FlightId, FlightStatus};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

use super::reading::WholeFile;
use crate::features::flights::store::{
    FlightFilter, FlightPlan, FlightPosition, FlightRecord, FlightStore, FlightStoreError,
};
use crate::formats::{Coverage, Days, FlightKey};

/// Flights that are read at once.
const PAGE: u32 = 1000;

/// The flights that operate in what is covered and that the file does not have, page by page.
pub(super) struct Withdrawn<'a> {
    coverage: &'a Coverage,
    file: &'a WholeFile,
    position: Option<FlightPosition>,
    has_ended: bool,
}

impl<'a> Withdrawn<'a> {
    pub(super) fn of(coverage: &'a Coverage, file: &'a WholeFile) -> Self {
        Self {
            coverage,
            file,
            // No airport's clocks are a day away from UTC.
            position: coverage.from.yesterday().ok().map(before),
            has_ended: false,
        }
    }

    /// The next ones, which may be none; `None` at the end.
    pub(super) async fn next(
        &mut self,
        store: &dyn FlightStore,
    ) -> Result<Option<Vec<FlightRecord>>, FlightStoreError> {
        if self.has_ended {
            return Ok(None);
        }
        let coverage = self.coverage;
        let filter = FlightFilter {
            carrier: Some(coverage.carrier),
            status: Some(FlightStatus::Scheduled),
            ..FlightFilter::default()
        };
        let mut page = store.list(&filter, self.position, PAGE).await?;
        let Some(end) = page.last() else {
            return Ok(None);
        };
        let last = coverage.to.tomorrow().unwrap_or(coverage.to);
        self.has_ended = utc_date(&end.plan) > last;
        self.position = Some(FlightPosition {
            departure: end.plan.departure.instant().as_microsecond(),
            id: end.id,
        });
        page.retain(|flight| {
            let date = match coverage.days {
                Days::Local => flight.plan.departure.date(),
                Days::Utc => utc_date(&flight.plan),
            };
            (coverage.from..=coverage.to).contains(&date)
                && !coverage.unsure.contains(&flight.plan.number)
                && !self.file.has(&FlightKey::of(&flight.plan))
        });
        Ok(Some(page))
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
