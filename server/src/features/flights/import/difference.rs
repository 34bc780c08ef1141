//! What a dry run would change of a flight, in words.

use airside_common::api::uploads::Difference;
use airside_common::flight::Cabin;

use crate::features::flights::store::{FlightPlan, PlannedRow, Preview};
use crate::formats::FlightKey;

/// What a row would change; nothing where it would not.
pub(super) fn differences(row: &PlannedRow, preview: &Preview) -> Vec<Difference> {
    let flight = FlightKey::of(&row.plan).to_string();
    match preview {
        Preview::Created => vec![Difference {
            flight,
            field: "flight".to_owned(),
            before: None,
            after: Some(whole(&row.plan)),
        }],
        Preview::Updated { before, after } => fields(before)
            .into_iter()
            .zip(fields(after))
            .filter(|((_, before), (_, after))| before != after)
            .map(|((field, before), (_, after))| Difference {
                flight: flight.clone(),
                field,
                before,
                after,
            })
            .collect(),
        Preview::Unchanged | Preview::Rejected(_) => Vec::new(),
    }
}

/// All that can differ of a flight, always in the same order.
fn fields(plan: &FlightPlan) -> Vec<(String, Option<String>)> {
    let mut fields = vec![
        ("destination".to_owned(), Some(plan.destination.to_string())),
        ("departure".to_owned(), Some(plan.departure.to_string())),
        ("arrival".to_owned(), Some(plan.arrival.to_string())),
        ("aircraft".to_owned(), Some(plan.aircraft.to_string())),
    ];
    for cabin in Cabin::ALL {
        let terms = plan.cabins[cabin.index()];
        fields.push((
            format!("{cabin}.capacity"),
            terms.map(|terms| terms.capacity.to_string()),
        ));
        fields.push((
            format!("{cabin}.fare"),
            terms.map(|terms| terms.fare.to_string()),
        ));
    }
    fields
}

fn whole(plan: &FlightPlan) -> String {
    let seats: Vec<String> = Cabin::ALL
        .into_iter()
        .filter_map(|cabin| {
            let terms = plan.cabins[cabin.index()]?;
            Some(format!("{cabin} {} at {}", terms.capacity, terms.fare))
        })
        .collect();
    format!(
        "{}-{} {} to {}, {}, {}",
        plan.origin,
        plan.destination,
        plan.departure,
        plan.arrival,
        plan.aircraft,
        seats.join(", ")
    )
}
