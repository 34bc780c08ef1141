//! `airside upload`

use std::path::PathBuf;
use std::time::Duration;

use airside_common::api::uploads::Upload;
use airside_common::upload::UploadStatus;
use clap::Args;

use super::{CliError, Form, Workplace, json};
use crate::effects::http::calls::UploadQuery;

/// How often a file is looked at that is waited for.
const LOOK: Duration = Duration::from_millis(500);

/// Upload a file of flights (admins): Airside CSV, the prototype's CSV, IATA SSIM.
#[derive(Debug, Args)]
#[command(after_help = super::EXIT_CODES)]
pub struct UploadFile {
    /// The file.
    file: PathBuf,
    /// Only tell what it would change; waits for the result.
    #[arg(long)]
    dry_run: bool,
    /// Its format: airside, prototype or ssim; without it, the one that its first line tells.
    #[arg(long)]
    format: Option<String>,
    /// The fare of new flights, for formats without fares: 224.78 for every cabin, business=899.00 for one.
    #[arg(long = "fare", value_name = "[CABIN=]AMOUNT")]
    fares: Vec<String>,
    /// The currency of these fares, and of prices in files that name none.
    #[arg(long)]
    currency: Option<String>,
    /// Merge it although the same was completed before.
    #[arg(long)]
    again: bool,
    /// Wait until it has been dealt with.
    #[arg(long)]
    wait: bool,
    /// In which form the result is printed.
    #[command(flatten)]
    pub form: Form,
}

impl UploadFile {
    pub(super) async fn run(self, at: &Workplace) -> Result<String, CliError> {
        let api = at.session()?;
        let name = self.file.file_name().map(|name| name.to_string_lossy());
        let query = UploadQuery {
            dry_run: self.dry_run,
            format: self.format,
            filename: name.map(std::borrow::Cow::into_owned),
            fares: (!self.fares.is_empty()).then(|| self.fares.join(",")),
            currency: self.currency,
            again: self.again,
        };
        // What cannot be read is said before anybody is asked.
        std::fs::File::open(&self.file)
            .map_err(|e| CliError::Usage(format!("{}: {e}", self.file.display())))?;
        let mut upload = api.send_file(&self.file, &query, |_, _| ()).await?;
        if self.wait || self.dry_run {
            while !upload.status.has_ended() {
                tokio::time::sleep(LOOK).await;
                upload = api.upload(upload.id).await?;
            }
        }
        if matches!(
            upload.status,
            UploadStatus::Failed | UploadStatus::Cancelled
        ) {
            let why = upload.error.unwrap_or_default();
            return Err(CliError::NotDone(format!("{}: {why}", upload.status)));
        }
        if self.form.json {
            return json(&upload);
        }
        Ok(text(&upload))
    }
}

fn text(upload: &Upload) -> String {
    if upload.duplicate_of == Some(upload.id) {
        return format!(
            "{} the same file was merged before; nothing was done (--again merges it again)\n",
            upload.id
        );
    }
    if !upload.status.has_ended() {
        return format!("{} {}\n", upload.id, upload.status);
    }
    let mut text = format!(
        "{} {} created {} updated {} unchanged {} rejected {} noted {} withdrawn {}\n",
        upload.id,
        if upload.dry_run {
            "dry run"
        } else {
            "completed"
        },
        upload.rows_created,
        upload.rows_updated,
        upload.rows_unchanged,
        upload.rows_rejected,
        upload.rows_noted,
        upload.rows_withdrawn,
    );
    for difference in &upload.differences {
        let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "-".to_owned());
        let line = format!(
            "{} {}: {} -> {}\n",
            difference.flight,
            difference.field,
            side(&difference.before),
            side(&difference.after)
        );
        text.push_str(&line);
    }
    text
}
