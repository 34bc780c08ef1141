//! `airside-server run`

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use airside_common::api::auth::Secret;
use airside_common::api::users::{CreateUser, PatchUser};
use airside_server::app::App;
use airside_server::data_folder::{DataFolder, DataFolderError, ServingLock};
use airside_server::demo::{self, DemoUser};
use airside_server::features::audit::entry::Author;
use airside_server::features::users::service::{UserError, Users};
use airside_server::features::users::store::UserStoreError;
use airside_server::http::health::Readiness;
use airside_server::roles::Running;
use airside_server::roles::set::Roles;
use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{Failure, Outcome, Place, block_on, clock, logging};

/// How long a server that is told to start waits for one that is told to end.
const ENDING: Duration = Duration::from_secs(5);

/// How often it looks.
const LOOK: Duration = Duration::from_millis(100);

/// Answers requests until told to stop.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Where to listen, such as 127.0.0.1:7878; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,

    /// Be these services alone, with commas between them: auth, search, bookings, admin [default: all]
    #[arg(long)]
    roles: Option<Roles>,

    /// Have users and eight weeks of real flights; their passwords are printed
    #[arg(long)]
    demo: bool,

    /// End when standard input ends
    #[arg(long)]
    until_stdin_closes: bool,
}

impl Run {
    pub(crate) fn run(self, place: &Place) -> Outcome {
        let mut settings = place.settings()?;
        if let Some(listen) = self.listen {
            settings.http.listen = listen;
        }
        if let Some(roles) = self.roles {
            settings.roles = roles;
        }
        if self.demo && !settings.roles.are_all() {
            let text = "--demo is for a process of all roles";
            return Err(Failure::Usage(text.to_owned()));
        }
        logging::start(&settings.log, &settings.roles)?;
        let folder = place.folder()?;
        block_on(async {
            let _serving = take_over(&folder).await?;
            let listener =
                TcpListener::bind(settings.http.listen)
                    .await
                    .map_err(Failure::system(format!(
                        "http.listen {}",
                        settings.http.listen
                    )))?;
            let address = listener
                .local_addr()
                .map_err(Failure::system("http.listen"))?;
            let app = App::build(&settings, &folder, clock()).await?;
            let users = if self.demo {
                demonstration(&app, folder.path()).await?
            } else {
                Vec::new()
            };
            let running = Running::start(app).await?;
            let stop = CancellationToken::new();
            let readiness = running.app().readiness.clone();
            let drain = Duration::from_secs(settings.http.drain_seconds);
            stop_on_signals(stop.clone(), readiness, drain)?;
            if self.until_stdin_closes {
                stop_with_stdin(stop.clone())?;
            }
            announce(address, &users);
            running
                .serve(listener, settings.http.max_connections.get(), stop)
                .await;
            tracing::info!("stopped");
            Ok(ExitCode::SUCCESS)
        })
    }
}

/// Takes the data folder, from a server that is just ending if need be: it has to end within [`ENDING`].
async fn take_over(folder: &DataFolder) -> Result<ServingLock, DataFolderError> {
    let since = Instant::now();
    loop {
        match folder.lock() {
            Err(DataFolderError::InUse(_)) if since.elapsed() < ENDING => {
                tokio::time::sleep(LOOK).await;
            }
            taken => return taken,
        }
    }
}

/// Flights for today and the next eight weeks, and users to book them.
async fn demonstration(app: &App, data: &Path) -> Result<Vec<DemoUser>, Failure> {
    let Some(accounts) = &app.users else {
        return Ok(Vec::new());
    };
    let report = demo::top_up(&*app.database, &*app.clock).await?;
    tracing::info!(%report, "the demonstration's flights are there");
    let users = demo::users(data).map_err(Failure::system("the demonstration's users"))?;
    for user in &users {
        ensure(accounts, user).await?;
    }
    Ok(users.into())
}

/// Makes a user of the demonstration; one that exists is allowed again, with the password that is printed.
async fn ensure(users: &Users, user: &DemoUser) -> Result<(), Failure> {
    let author = Author::command_line();
    let wrong = |e: airside_common::ParseError| Failure::Other(e.to_string());
    let new = CreateUser {
        username: user.username.parse().map_err(wrong)?,
        password: Secret(user.password.clone()),
        role: user.role,
        office: user.office.parse().map_err(wrong)?,
    };
    let username = new.username.clone();
    match users.create(&author, new).await {
        Ok(_) => Ok(()),
        Err(UserError::Store(UserStoreError::AlreadyExists(_))) => {
            let existing = users.by_name(&username).await?;
            if users
                .has_password(&username, Secret(user.password.clone()))
                .await?
                && existing.disabled_at.is_none()
            {
                // Nothing to change, and sessions of before go on.
                return Ok(());
            }
            let patch = PatchUser {
                password: Some(Secret(user.password.clone())),
                disabled: Some(false),
                ..PatchUser::default()
            };
            users.change(&author, existing.id, patch).await?;
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// Tells whoever started the server where it is: the first line on standard output.
fn announce(address: SocketAddr, users: &[DemoUser]) {
    let mut text = format!("listening on http://{address}\n");
    for user in users {
        let DemoUser {
            username,
            password,
            role,
            ..
        } = user;
        // Writing to a text cannot fail.
        let _ = writeln!(text, "user {username} password {password} role {role}");
    }
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        tracing::warn!(%error, "nobody reads where the server listens");
    }
    tracing::info!(%address, "listening");
}

/// SIGTERM, SIGINT and SIGHUP end the server. On SIGTERM it says that it is not ready for a while before it stops listening.
fn stop_on_signals(
    stop: CancellationToken,
    readiness: Readiness,
    drain: Duration,
) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::system("SIGTERM"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::system("SIGINT"))?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(Failure::system("SIGHUP"))?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {
                tracing::info!("told to stop");
                readiness.close();
                tokio::select! {
                    () = tokio::time::sleep(drain) => {}
                    _ = interrupt.recv() => {}
                }
            }
            _ = interrupt.recv() => readiness.close(),
            _ = hang_up.recv() => readiness.close(),
        }
        stop.cancel();
    });
    Ok(())
}

/// The end of standard input ends the server. A thread of its own reads it: one of the runtime's would keep the process
/// from ending for another reason.
fn stop_with_stdin(stop: CancellationToken) -> Result<(), Failure> {
    std::thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || {
            let mut ignored = [0; 256];
            let mut input = io::stdin().lock();
            while matches!(input.read(&mut ignored), Ok(1..)) {}
            stop.cancel();
        })
        .map(|_| ())
        .map_err(Failure::system("standard input"))
}
