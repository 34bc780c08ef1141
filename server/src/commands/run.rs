//! `airside-server run`

use std::io::Write;
use std::sync::Arc;

use airside_common::api::auth::Secret;
use airside_common::api::users::CreateUser;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::CommandError;
use crate::app::App;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::data_folder::DataFolder;
use crate::demo;
use crate::features::users::service::{Author, UserError};
use crate::features::users::store::UserStoreError;
use crate::http::health::Readiness;
use crate::http::listener;
use crate::http::metrics::Metrics;
use crate::http::router::router;

/// Serves until a signal, or until standard input closes if that was asked for.
pub(super) async fn run(
    config: &Config,
    folder: &DataFolder,
    run: &super::Run,
) -> Result<(), CommandError> {
    let _serving = folder.lock()?;
    let mut app = App::build(config, folder, Arc::new(SystemClock)).await?;
    let mut lines = String::new();
    if run.demo {
        let report = demo::top_up(&app.database, app.clock.as_ref()).await?;
        tracing::info!(%report, "demonstration flights");
        lines = demo_users(&app, folder).await?;
    }
    app.start().await?;

    let address = config.http.listen;
    let listening = async {
        let listener = TcpListener::bind(address).await?;
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    };
    let (listener, bound) = listening
        .await
        .map_err(|source| CommandError::Listen { address, source })?;
    let readiness = Readiness::default();
    let edge = Arc::new(router(&app, readiness.clone(), Metrics::default()));
    let stop = CancellationToken::new();
    let serving = tokio::spawn(listener::serve(listener, edge, stop.clone()));
    readiness.begin();
    {
        let mut out = std::io::stdout().lock();
        write!(out, "listening on http://{bound}\n{lines}")?;
        out.flush()?;
    }

    told_to_stop(run).await?;
    tracing::info!("stopping");
    readiness.end();
    stop.cancel();
    if let Err(error) = serving.await {
        tracing::error!(%error, "the listener failed");
    }
    app.stop().await;
    Ok(())
}

async fn told_to_stop(run: &super::Run) -> Result<(), CommandError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = hang_up.recv() => {}
        () = stdin_closed(), if run.until_stdin_closes => {}
    }
    Ok(())
}

/// Waits until nobody holds the other end of standard input any more.
async fn stdin_closed() {
    let mut stdin = tokio::io::stdin();
    let mut buffer = [0; 256];
    while let Ok(1..) = stdin.read(&mut buffer).await {}
}

/// Makes the demonstration's users if they are missing, and tells all of them.
async fn demo_users(app: &App, folder: &DataFolder) -> Result<String, CommandError> {
    let mut lines = String::new();
    for demo::DemoUser {
        username,
        password,
        role,
        office,
    } in demo::users(folder.path())?
    {
        let parsed = |error| std::io::Error::other(format!("demonstration user: {error}"));
        let new = CreateUser {
            username: username.parse().map_err(parsed)?,
            password: Secret(password.clone()),
            role,
            office: office.parse().map_err(parsed)?,
        };
        match app.users.create(&Author::command_line(), new).await {
            Ok(_) | Err(UserError::Store(UserStoreError::AlreadyExists(_))) => {}
            Err(error) => return Err(error.into()),
        }
        lines.push_str(&format!(
            "user {username} password {password} role {role}\n"
        ));
    }
    Ok(lines)
}
