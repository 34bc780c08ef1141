//! A write without a screen: sent under its key until the server has answered or patience ends.

use std::time::{Duration, Instant};

use airside_common::api::bookings::Booking;
use airside_common::booking::OperationKey;
use clap::Args;

use super::CliError;
use crate::effects::http::{ApiError, Verdict, verdict_on};
use crate::store::ledger::answer::SetbackKind;
use crate::store::ledger::backoff::{self, Jitter};

/// How a write is sent.
#[derive(Debug, Args)]
pub(super) struct Sending {
    /// The key of this write; a random one where it is missing.
    #[arg(long)]
    pub(super) key: Option<OperationKey>,
    /// For how many seconds to try.
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    timeout: u64,
}

impl Sending {
    /// The key, and how long to try.
    pub(super) fn begin(self) -> (OperationKey, Duration) {
        let key = self.key.unwrap_or_else(OperationKey::random);
        (key, Duration::from_secs(self.timeout))
    }
}

/// Sends until an answer ends it, waiting between attempts as the console does.
///
/// Where it does not end in time: an error that says that nothing was done, if every attempt ended before the server
/// was reached, else that the outcome is unknown.
pub(super) async fn until_settled<F>(
    key: &OperationKey,
    patience: Duration,
    mut send: impl FnMut() -> F,
) -> Result<Booking, CliError>
where
    F: Future<Output = Result<Booking, ApiError>>,
{
    let start = Instant::now();
    let mut failed = 0;
    let mut reached = None;
    loop {
        let error = match send().await {
            Ok(booking) => return Ok(booking),
            Err(error) => error,
        };
        let Verdict::Kept(setback) = verdict_on(&error) else {
            return Err(error.into());
        };
        match setback.kind {
            // A person or a script has to log in first.
            SetbackKind::LoggedOut if reached.is_none() => return Err(error.into()),
            SetbackKind::LoggedOut | SetbackKind::Unreached => {}
            SetbackKind::Unclear => reached = Some(setback.words.clone()),
        }
        failed += 1;
        let wait = backoff::wait(failed, setback.retry_after, Jitter::random());
        if start.elapsed() + wait > patience || setback.kind == SetbackKind::LoggedOut {
            return Err(match reached {
                Some(why) => CliError::Unknown {
                    key: key.clone(),
                    why,
                },
                None => error.into(),
            });
        }
        tokio::time::sleep(wait).await;
    }
}
