//! What the console needs before anybody can work: its journal, its server, its session. Done after the first frame.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::disk::{Journal, JournalWriter};
use super::folders::Folders;
use super::http::Api;
use super::last_server;
use super::server_url::{self, ServerUrl};
use super::session::Sessions;
use crate::demo::{self, Past};
use crate::store::action::{Credentials, Demo, Event, Opened, Session};
use crate::store::journal::Saved;

/// How often the demonstration's progress is looked at while it loads.
const LOOK: Duration = Duration::from_millis(250);

/// What the console works with.
pub(crate) struct Ready {
    pub(crate) api: Option<Api>,
    pub(crate) journal: Option<JournalWriter>,
    pub(crate) demo: Option<demo::Demo>,
    pub(crate) opened: Opened,
}

/// Reads what was kept, and starts the demonstration where it is asked for.
pub(crate) async fn start(
    folders: Folders,
    server: Option<ServerUrl>,
    demonstrate: Option<Past>,
    progress: impl Fn(Event),
) -> Result<Ready, String> {
    let mut demo_users = Vec::new();
    let mut running = None;
    let api = if let Some(past) = demonstrate {
        let started = start_demo(&folders, past, progress).await?;
        demo_users.extend(started.users.iter().map(|user| Credentials {
            username: user.name.clone(),
            password: user.password.clone(),
            role: user.role,
        }));
        let api = Api::with_identity(started.url.clone(), demo::identity(), Sessions::in_memory());
        running = Some(started);
        Some(api)
    } else {
        // Without a server that was used before, the usual address stands in the form.
        let url = last_server::choose(&folders.state, server)
            .or_else(|| server_url::DEFAULT.parse().ok());
        url.map(|url| {
            let sessions = Sessions::in_folder(&folders.state, &url.id());
            Api::new(url, sessions)
        })
    };
    let state = folders.state.clone();
    let (journal, saved, mut faults) = tokio::task::spawn_blocking(move || open_journal(&state))
        .await
        .map_err(|error| error.to_string())?;
    let session = match api.as_ref().map(Api::resume) {
        Some(Ok(Some(me))) => api.as_ref().map(|api| Session {
            server: api.server().clone(),
            me,
        }),
        Some(Err(error)) => {
            faults.push(error.to_string());
            None
        }
        _ => None,
    };
    let url = api.as_ref().map(|api| api.url().clone());
    let server = url
        .or_else(|| server_url::DEFAULT.parse().ok())
        .ok_or_else(|| "there is no server".to_owned())?;
    Ok(Ready {
        api,
        journal,
        demo: running,
        opened: Opened {
            server,
            saved,
            session,
            faults,
            demo_users,
        },
    })
}

fn open_journal(state: &Path) -> (Option<JournalWriter>, Saved, Vec<String>) {
    let opened = match Journal::open(state) {
        Ok(opened) => opened,
        Err(error) => {
            let fault = format!("Nothing can be booked: {error}");
            return (None, Saved::default(), vec![fault]);
        }
    };
    let mut faults = Vec::new();
    if opened.damaged > 0 {
        faults.push(format!(
            "{} lines of a journal could not be read; its file was set aside",
            opened.damaged
        ));
    }
    match JournalWriter::start(opened.journal) {
        Ok(writer) => (Some(writer), opened.saved, faults),
        Err(error) => {
            faults.push(format!("Nothing can be booked: {error}"));
            (None, opened.saved, faults)
        }
    }
}

async fn start_demo(
    folders: &Folders,
    past: Past,
    progress: impl Fn(Event),
) -> Result<demo::Demo, String> {
    let program = demo::server_program().map_err(|error: io::Error| error.to_string())?;
    let log = demo::log_path(folders);
    let starting = demo::Demo::start(&program, folders, past);
    tokio::pin!(starting);
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            biased;
            started = &mut starting => return started.map_err(|error| error.to_string()),
            _ = look.tick() => {
                let said = demo::last_line(&log).unwrap_or_default();
                // What the log puts before its message says nothing to an agent.
                let said = said.split_once(": ").map_or(&*said, |(_, message)| message);
                let words = format!("The demonstration's server starts. {said}");
                progress(Event::Demo(Demo::Starting(words)));
            }
        }
    }
}
