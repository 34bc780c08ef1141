//! The API of the server, as the console calls it.
//!
//! A call returns the body, or says why not in an [`ApiError`]. An access token that has expired is refreshed once,
//! by one call for all, and by one console for all. Text that comes in has no control characters left in it.

mod call;
pub mod calls;
pub mod dead_letters;
mod error;
mod ingest;
mod intake;
mod messages;
mod query;
pub(crate) mod queues;
pub(crate) mod stream;
pub(crate) mod uploads;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use airside_common::api::auth::{LoginRequest, Me, RefreshRequest, Secret, Tokens};
use airside_common::api::problem::{Code, Problem};
use airside_common::consistency::{CONSISTENCY, ConsistencyToken};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

use self::call::Call;
pub use self::error::{ApiError, Verdict, answer_of, verdict_on};
use self::error::{broken, unreadable, words_of};
use super::server_url::ServerUrl;
use super::session::{Session, Sessions};
use crate::store::account::{Account, ServerId};

/// The longest that a whole call may take.
const CALL_LIMIT: Duration = Duration::from_secs(30);
/// The longest wait for a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long a refresh waits for that of another console: longer than a call may take.
const REFRESH_LIMIT: Duration = Duration::from_secs(35);
/// How long who logs out waits for a refresh: the session has to be gone before the console is.
const LEAVING_LIMIT: Duration = Duration::from_secs(1);
/// The largest body that is read.
const LARGEST_BODY: usize = 16 * 1024 * 1024;

/// A server and one user's session there. Cheap to clone; clones share both.
#[derive(Debug, Clone)]
pub struct Api(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    url: ServerUrl,
    id: ServerId,
    sessions: Arc<Sessions>,
    /// The session in use; also on the disk, where another console may have renewed it.
    session: Mutex<Option<Session>>,
    /// Whose sessions these are.
    whose: OnceLock<Me>,
    /// The last of the own writes, in the server's words: with it in every request, no copy of the database is shown that
    /// lacks it.
    seen: Arc<Mutex<Option<ConsistencyToken>>>,
    /// Held by the one call that refreshes.
    refreshing: Arc<tokio::sync::Mutex<()>>,
    /// Made when it is first needed: reading the system's certificates takes longer than a first frame may.
    client: OnceCell<Client>,
}

impl Api {
    /// A server whose identity is its address.
    pub fn new(url: ServerUrl, sessions: Sessions) -> Self {
        let id = url.id();
        Self::with_identity(url, id, sessions)
    }

    /// A server whose address changes while it stays the same.
    pub fn with_identity(url: ServerUrl, id: ServerId, sessions: Sessions) -> Self {
        Self(Arc::new(Inner {
            url,
            id,
            sessions: Arc::new(sessions),
            session: Mutex::default(),
            whose: OnceLock::new(),
            seen: Arc::default(),
            refreshing: Arc::default(),
            client: OnceCell::new(),
        }))
    }

    /// The same server for whoever logs in next: what is under way here goes on under the session that it began with.
    #[must_use]
    pub fn for_the_next(&self) -> Self {
        Self(Arc::new(Inner {
            url: self.0.url.clone(),
            id: self.0.id.clone(),
            sessions: Arc::clone(&self.0.sessions),
            session: Mutex::default(),
            whose: OnceLock::new(),
            seen: Arc::clone(&self.0.seen),
            refreshing: Arc::clone(&self.0.refreshing),
            client: self.0.client.clone(),
        }))
    }

    /// From now on nothing may be answered from a copy of the database that may lack the latest writes, until one of the own
    /// writes tells what is enough.
    pub fn want_everything(&self) {
        *self.seen() = Some(ConsistencyToken::unknown());
    }

    /// The server's address.
    pub fn url(&self) -> &ServerUrl {
        &self.0.url
    }

    /// The server's identity.
    pub fn server(&self) -> &ServerId {
        &self.0.id
    }

    /// The account under which a user's operations are kept.
    pub fn account(&self, me: &Me) -> Account {
        Account {
            server: self.0.id.clone(),
            user: me.id,
        }
    }

    /// Takes up the session that is kept on the disk, if there is one; whether it still lives, the next call tells.
    pub fn resume(&self) -> Result<Option<Me>, ApiError> {
        let session = self.0.sessions.current()?;
        let me = session.as_ref().map(|s| s.user.clone());
        self.set(session);
        Ok(me)
    }

    /// Logs in, and keeps the session. One user has one of these: another logs in at one that is [`Self::for_the_next`], or
    /// what is under way would be sent again under another name.
    pub async fn log_in(&self, username: &str, password: Secret) -> Result<Me, ApiError> {
        let body = LoginRequest {
            username: username.trim().to_owned(),
            password,
        };
        let call = Call::new(Method::POST, "/v1/auth/login").body(&body)?;
        let tokens: Tokens = self.send(&call, None).await?;
        let session = Session::begin(tokens);
        let me = session.user.clone();
        self.0.sessions.keep(&session)?;
        self.set(Some(session));
        Ok(me)
    }

    /// Ends the session, here in any case; an error says that the server could not be told, or that the session's file
    /// cannot be removed.
    pub async fn log_out(&self) -> Result<(), ApiError> {
        let Some(session) = self.session() else {
            return Ok(());
        };
        let user = &session.user.username;
        // Who cannot have the lock goes on without it: a refresh that is under way finds the file gone, and writes nothing.
        let held = self.0.sessions.hold(user, LEAVING_LIMIT).await;
        let kept = self.0.sessions.of(user).ok().flatten();
        let (latest, forgotten) = match kept {
            // Somebody has logged in again meanwhile, and stays so.
            Some(kept) if !kept.is_same(&session) => (session, Ok(())),
            kept => (
                kept.unwrap_or(session.clone()),
                self.0.sessions.forget(user),
            ),
        };
        self.set(None);
        drop(held);
        let told = self.tell_of_the_end(&latest).await;
        // Who cannot remove the file has to know it before all else: the next one here would go on under their name.
        forgotten?;
        told
    }

    /// Has the server end a session.
    async fn tell_of_the_end(&self, session: &Session) -> Result<(), ApiError> {
        let body = RefreshRequest {
            refresh_token: session.refresh_token.clone(),
        };
        let call = Call::new(Method::POST, "/v1/auth/logout").body(&body)?;
        match self.send::<()>(&call, Some(&session.access_token)).await {
            // An expired access token, or a session that has ended already.
            Err(ApiError::Problem { problem, .. }) if problem.status == 401 => Ok(()),
            told => told,
        }
    }

    /// Sends under the session, refreshing its access token where it has expired.
    async fn call<T: DeserializeOwned>(&self, call: &Call) -> Result<T, ApiError> {
        let response = self.open(call).await?;
        let status = response.status();
        let body = body_of(response).await?;
        intake::read(&body).map_err(|why| unreadable(status, why))
    }

    /// The same, of which the body is yet to be read.
    async fn open(&self, call: &Call) -> Result<Response, ApiError> {
        let session = self.present()?.ok_or(ApiError::LoggedOut)?;
        match self.respond(call, Some(&session.access_token)).await {
            Err(ApiError::Problem { problem, .. }) if problem.status == 401 => {
                let renewed = self.refresh(&session).await?;
                match self.respond(call, Some(&renewed.access_token)).await {
                    Err(ApiError::Problem { problem, .. }) if problem.status == 401 => {
                        Err(ApiError::LoggedOut)
                    }
                    result => result,
                }
            }
            result => result,
        }
    }

    /// A session newer than the one whose access token was refused.
    async fn refresh(&self, refused: &Session) -> Result<Session, ApiError> {
        let _only = self.0.refreshing.lock().await;
        let user = &refused.user.username;
        if let Some(session) = self.session()
            && session.access_token != refused.access_token
        {
            return Ok(session);
        }
        let _held = self.0.sessions.hold(user, REFRESH_LIMIT).await?;
        let Some(kept) = self.kept(&refused.user)? else {
            self.set(None);
            return Err(ApiError::LoggedOut);
        };
        if kept.access_token != refused.access_token {
            self.set(Some(kept.clone()));
            return Ok(kept);
        }
        let body = RefreshRequest {
            refresh_token: kept.refresh_token.clone(),
        };
        let call = Call::new(Method::POST, "/v1/auth/refresh").body(&body)?;
        let told = self.send::<Tokens>(&call, None).await;
        // Nobody who logs in or out waits for a refresh to end.
        let now = self.kept(&kept.user)?;
        if now.as_ref() != Some(&kept) {
            self.set(now.clone());
            return now.ok_or(ApiError::LoggedOut);
        }
        match told {
            Ok(tokens) => {
                let session = kept.renewed(tokens);
                self.0.sessions.renew(&session)?;
                self.set(Some(session.clone()));
                Ok(session)
            }
            Err(ApiError::Problem { problem, .. })
                if matches!(problem.code, Code::Unauthenticated | Code::TokenExpired) =>
            {
                self.0.sessions.forget(user)?;
                self.set(None);
                Err(ApiError::LoggedOut)
            }
            Err(error) => Err(error),
        }
    }

    async fn send<T: DeserializeOwned>(
        &self,
        call: &Call,
        token: Option<&Secret>,
    ) -> Result<T, ApiError> {
        let request = self.request(call, token).await?;
        let (status, body) = self.exchange(request).await?;
        intake::read(&body).map_err(|why| unreadable(status, why))
    }

    /// A call as a request.
    async fn request(
        &self,
        call: &Call,
        token: Option<&Secret>,
    ) -> Result<RequestBuilder, ApiError> {
        let client = self.client().await?;
        let mut address = self.0.url.at(&call.path);
        if let Some(query) = &call.query {
            address.push('?');
            address.push_str(query);
        }
        let mut request = client
            .request(call.method.clone(), address)
            .header("accept", call.accept);
        if let Some(Secret(token)) = token {
            request = request.bearer_auth(token);
        }
        if let Some(key) = &call.key {
            request = request.header("idempotency-key", key.as_str());
        }
        if let Some(version) = call.if_match {
            request = request.header("if-match", format!("\"{version}\""));
        }
        if let Some(last_id) = &call.last_id {
            request = request.header("last-event-id", last_id);
        }
        if let Some(limit) = call.limit {
            request = request.timeout(limit);
        }
        if let Some(body) = &call.body {
            request = request
                .header("content-type", "application/json")
                .body(body.clone());
        }
        if let Some(seen) = &*self.seen() {
            request = request.header(CONSISTENCY, seen.as_str());
        }
        Ok(request)
    }

    /// Sends a request; the body of an answer that is no problem.
    async fn exchange(&self, request: RequestBuilder) -> Result<(StatusCode, Vec<u8>), ApiError> {
        let response = self.answered(request).await?;
        let status = response.status();
        Ok((status, body_of(response).await?))
    }

    /// Makes a call; a successful answer, of which the body is yet to be read.
    async fn respond(&self, call: &Call, token: Option<&Secret>) -> Result<Response, ApiError> {
        self.answered(self.request(call, token).await?).await
    }

    /// Sends a request; a successful answer, of which the body is yet to be read.
    async fn answered(&self, request: RequestBuilder) -> Result<Response, ApiError> {
        let answer = request.send().await;
        let response = answer.map_err(|error| broken(&error))?;
        let status = response.status();
        let told = response.headers().get(CONSISTENCY);
        if let Some(told) = told.and_then(|value| value.to_str().ok()?.parse().ok()) {
            let mut seen = self.seen();
            *seen = Some(match seen.take() {
                Some(before) => ConsistencyToken::or_later(before, told),
                None => told,
            });
        }
        let retry_after = response
            .headers()
            .get("retry-after")
            .and_then(|value| value.to_str().ok())
            .and_then(|text| text.trim().parse().ok())
            .map(Duration::from_secs);
        if status.is_success() {
            return Ok(response);
        }
        let body = body_of(response).await?;
        let mut problem: Problem = intake::read(&body).map_err(|why| unreadable(status, why))?;
        problem.status = status.as_u16();
        Err(ApiError::Problem {
            problem: Box::new(problem),
            retry_after,
        })
    }

    async fn client(&self) -> Result<&Client, ApiError> {
        let loopback = self.0.url.is_loopback();
        self.0
            .client
            .get_or_try_init(|| async move {
                tokio::task::spawn_blocking(move || make_client(loopback))
                    .await
                    .map_err(|error| ApiError::Client(error.to_string()))?
                    .map_err(|error| ApiError::Client(words_of(&error)))
            })
            .await
    }

    fn seen(&self) -> MutexGuard<'_, Option<ConsistencyToken>> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn session(&self) -> Option<Session> {
        self.0
            .session
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The session in use; where it has ended, the next one of the same user, who may have logged in again meanwhile.
    fn present(&self) -> Result<Option<Session>, ApiError> {
        let (session, whose) = (self.session(), self.0.whose.get());
        let (None, Some(me)) = (&session, whose) else {
            return Ok(session);
        };
        let next = self.kept(me)?;
        self.set(next.clone());
        Ok(next)
    }

    /// The session that is kept for a user, and not for another one of the same name.
    fn kept(&self, me: &Me) -> Result<Option<Session>, ApiError> {
        let kept = self.0.sessions.of(&me.username)?;
        Ok(kept.filter(|kept| kept.user.id == me.id))
    }

    /// Whether these are the sessions of an account.
    pub(super) fn is_of(&self, account: &Account) -> bool {
        let whose = self.0.whose.get();
        whose.is_some_and(|me| self.account(me) == *account)
    }

    fn set(&self, session: Option<Session>) {
        if let Some(session) = &session {
            self.0.whose.get_or_init(|| session.user.clone());
        }
        *self
            .0
            .session
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = session;
    }
}

fn make_client(loopback: bool) -> reqwest::Result<Client> {
    let mut builder = Client::builder()
        .user_agent(concat!("airside/", env!("CARGO_PKG_VERSION")))
        // A redirect would take the token and the operation somewhere else.
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_LIMIT)
        .timeout(CALL_LIMIT);
    if loopback {
        builder = builder.no_proxy();
    }
    builder.build()
}

/// The body of an answer, if it is not too large.
async fn body_of(mut response: Response) -> Result<Vec<u8>, ApiError> {
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| ApiError::Broken(words_of(&error)))?
    {
        if body.len() + chunk.len() > LARGEST_BODY {
            return Err(unreadable(response.status(), "it is too large".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
