//! Files of flights that arrive, and what is done with them.

use std::sync::Arc;

use crate::clock::SharedClock;
use crate::config::Settings;
use crate::data_folder::DataFolder;
use crate::features::ingest::watch::Watch;
use crate::features::uploads::retention::Retention;
use crate::features::uploads::service::Uploads;
use crate::features::uploads::worker::Worker;
use crate::files::{Files, FilesError};
use crate::http::metrics::Metrics;
use crate::roles::set::ServiceRole;
use crate::store::SharedDatabase;

/// What this process does with files of flights: each part where its services have it.
pub(super) struct Arriving {
    /// Takes them, for `admin`, and for `ingest` with sources.
    pub(super) uploads: Option<Uploads>,
    /// Merges them, for `worker`.
    pub(super) worker: Option<UploadWork>,
    /// Fetches them, for `ingest` with sources.
    pub(super) ingest: Option<Watch>,
}

/// What is done with uploads that have arrived.
pub struct UploadWork {
    /// Merges them.
    pub worker: Worker,
    /// Deletes their files in the end.
    pub retention: Retention,
}

impl Arriving {
    /// Opens where files are kept, if any part needs it.
    pub(super) fn build(
        settings: &Settings,
        folder: &DataFolder,
        shared: &SharedDatabase,
        clock: &SharedClock,
        metrics: &Metrics,
    ) -> Result<Self, FilesError> {
        let is = |role| settings.roles.contains(role);
        let has_sources = is(ServiceRole::Ingest) && !settings.ingest.sources.is_empty();
        let files = if is(ServiceRole::Admin) || is(ServiceRole::Worker) || has_sources {
            Some(Files::open(&settings.files, folder)?)
        } else {
            None
        };
        let worker = files.clone().filter(|_| is(ServiceRole::Worker));
        let worker = worker.map(|files| {
            let kept_for = settings.files.kept_for();
            let clock = Arc::clone(clock);
            let retention =
                Retention::new(shared.clone(), files.clone(), Arc::clone(&clock), kept_for);
            let worker = Worker::new(shared.clone(), shared.clone(), files, clock);
            metrics.register(|registry| {
                registry.register(
                    "upload_rows",
                    "Rows of uploaded files that were dealt with",
                    worker.rows().clone(),
                );
            });
            UploadWork { worker, retention }
        });
        let uploads = files.map(|files| {
            let unsaid = settings.import.clone();
            Uploads::new(shared.clone(), files, Arc::clone(clock), unsaid)
        });
        let ingest = uploads.clone().filter(|_| has_sources).map(|uploads| {
            let sources = &settings.ingest.sources;
            let watch = Watch::new(shared.clone(), uploads, Arc::clone(clock), sources);
            metrics.register(|registry| {
                let help = "Files that were taken from where they arrive";
                registry.register("ingest_files_taken", help, watch.taken().clone());
            });
            watch
        });
        Ok(Self {
            uploads,
            worker,
            ingest,
        })
    }
}
