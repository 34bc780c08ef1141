//! What is written to standard error.

use std::fmt;
use std::io;

use airside_server::config::{LogFormat, LogSettings};
use airside_server::roles::set::Roles;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::format::{self, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use super::Failure;

/// Starts to write log lines as the settings say. Those of a process that is not all services say which it is.
pub(crate) fn start(settings: &LogSettings, roles: &Roles) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&settings.level)
        .map_err(|e| Failure::Usage(format!("log.level: {e}")))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(false);
    // The FTP client's finest lines are the commands that it sends, PASS with the password among them.
    let without_passwords =
        filter_fn(|line| !(line.target().starts_with("suppaftp") && *line.level() == Level::TRACE));
    let roles = (!roles.are_all()).then(|| roles.to_string());
    let started = match settings.format {
        LogFormat::Text => lines
            .event_format(WithRoles {
                line: format::format().with_ansi(false),
                roles: roles.map(|roles| format!(" roles={roles}")),
                end: "",
            })
            .finish()
            .with(without_passwords)
            .try_init(),
        LogFormat::Json => lines
            .fmt_fields(JsonFields::new())
            .event_format(WithRoles {
                line: format::format().json().flatten_event(true),
                roles: roles.map(|roles| format!(",\"roles\":\"{roles}\"")),
                end: "}",
            })
            .finish()
            .with(without_passwords)
            .try_init(),
    };
    started.map_err(|e| Failure::Other(format!("the log: {e}")))
}

/// A form of lines, with the same text in each in front of what ends it.
struct WithRoles<L> {
    line: L,
    roles: Option<String>,
    end: &'static str,
}

impl<S, N, L> FormatEvent<S, N> for WithRoles<L>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    L: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(roles) = &self.roles else {
            return self.line.format_event(context, writer, event);
        };
        let mut line = String::new();
        self.line
            .format_event(context, Writer::new(&mut line), event)?;
        let line = line.strip_suffix('\n').unwrap_or(&line);
        let line = line.strip_suffix(self.end).unwrap_or(line);
        writeln!(writer, "{line}{roles}{}", self.end)
    }
}
