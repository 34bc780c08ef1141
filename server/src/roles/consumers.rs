//! Who runs which consumer: the role of each, what goes to whom, and what a process runs. All that there are stand in
//! [`app`](crate::app).

use std::sync::Arc;

use super::set::{Roles, ServiceRole};
use crate::messages::consumer::{Binding, Consumer};

/// A consumer and whose work it is.
#[derive(Clone)]
pub struct Place {
    /// Processes of this role run it.
    pub role: ServiceRole,
    /// What runs.
    pub consumer: Arc<dyn Consumer>,
}

/// Which events go to whom: the same in every process, whatever it runs, since any of them may relay.
pub fn bindings(all: &[Place]) -> Vec<Binding> {
    all.iter().map(|place| place.consumer.binding()).collect()
}

/// What a process of these roles runs.
pub fn of(all: Vec<Place>, roles: &Roles) -> Vec<Arc<dyn Consumer>> {
    let mine = all.into_iter().filter(|place| roles.contains(place.role));
    mine.map(|place| place.consumer).collect()
}
