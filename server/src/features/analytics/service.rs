//! What can be asked about sales.

use std::sync::Arc;

use airside_common::api::analytics::{
    GroupBy, LoadFactorPage, Sales, SalesPage, UnservedSearchesList,
};
use airside_common::flight::FlightId;
use airside_common::money::Money;
use jiff::civil::Date;

use super::store::{AnalyticsStore, Period, SalesPosition, SalesSum};
use crate::store::StoreError;

/// Bookings that are counted anew in one transaction.
const AT_ONCE: u32 = 2_000;

/// Searches of a list.
const SEARCHES: u32 = 100;

/// Figures.
#[derive(Clone)]
pub struct Analytics {
    store: Arc<dyn AnalyticsStore>,
}

impl Analytics {
    /// Those of a store.
    pub fn new(store: Arc<dyn AnalyticsStore>) -> Self {
        Self { store }
    }

    /// Makes all figures of bookings anew; answers the number of the last booking, if there are any. Consumers may go on
    /// meanwhile.
    pub async fn rebuild(&self) -> Result<Option<i64>, StoreError> {
        let mut behind = i64::MIN;
        let mut last = None;
        while let Some(reached) = self.store.recount(behind, AT_ONCE).await? {
            behind = reached;
            last = Some(reached);
        }
        Ok(last)
    }

    /// What was sold in a period.
    pub async fn sales(
        &self,
        period: Period,
        by: GroupBy,
        behind: Option<SalesPosition>,
        limit: u8,
    ) -> Result<(SalesPage, Option<SalesPosition>), StoreError> {
        let limit = usize::from(limit);
        let most = u32::try_from(limit).unwrap_or(u32::MAX) + 1;
        let mut sums = self.store.sales(period, by, behind.as_ref(), most).await?;
        let more = sums.len() > limit;
        sums.truncate(limit);
        let next = sums.last().filter(|_| more).map(|last| SalesPosition {
            key: last.key.clone(),
            currency: last.currency.code().to_owned(),
        });
        let page = SalesPage {
            items: sums.into_iter().map(body).collect(),
            next_cursor: None,
        };
        Ok((page, next))
    }

    /// How full the flights of a day are.
    pub async fn load_factors(
        &self,
        date: Date,
        behind: Option<FlightId>,
        limit: u8,
    ) -> Result<LoadFactorPage, StoreError> {
        let limit = usize::from(limit);
        let most = u32::try_from(limit).unwrap_or(u32::MAX) + 1;
        let mut items = self.store.load_factors(date, behind, most).await?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items
            .last()
            .filter(|_| more)
            .map(|last| last.flight_id.to_string());
        Ok(LoadFactorPage {
            items,
            next_cursor: next,
        })
    }

    /// Searches that found no seats.
    pub async fn unserved(&self, period: Period) -> Result<UnservedSearchesList, StoreError> {
        let items = self.store.unserved(period, SEARCHES).await?;
        Ok(UnservedSearchesList { items })
    }
}

fn body(sum: SalesSum) -> Sales {
    let SalesSum {
        key,
        currency,
        booked,
        revenue,
        cancelled,
        refunded,
        lead_days,
    } = sum;
    Sales {
        key,
        booked,
        revenue: Money::from_minor(revenue, currency),
        cancelled,
        refunded: Money::from_minor(refunded, currency),
        // To a tenth of a day.
        lead_days: (booked > 0).then(|| (lead_days as f64 / booked as f64 * 10.0).round() / 10.0),
    }
}
