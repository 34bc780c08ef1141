//! The API of the server, as the console calls it.
//!
//! A call returns the body, or says why not in an [`ApiError`]. An access token that has expired is refreshed once,
//! by one call for all, and by one console for all. Text that comes in has no control characters left in it.

pub mod calls;
pub mod dead_letters;
mod ingest;
mod intake;
mod messages;
mod query;
pub(crate) mod queues;
pub(crate) mod stream;
pub(crate) mod uploads;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use airside_common::api::auth::{LoginRequest, Me, RefreshRequest, Secret, Tokens};
use airside_common::api::problem::{Code, Problem};
use airside_common::booking::OperationKey;
use airside_common::consistency::{CONSISTENCY, ConsistencyToken};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

use super::server_url::ServerUrl;
use super::session::{Session, SessionError, Sessions};
use crate::store::account::{Account, ServerId};
use crate::store::ledger::answer::{Answer, Setback, SetbackKind, is_final};
use airside_common::api::bookings::Booking;

/// The longest that a whole call may take.
const CALL_LIMIT: Duration = Duration::from_secs(30);
/// The longest wait for a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// The largest body that is read.
const LARGEST_BODY: usize = 16 * 1024 * 1024;

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The server refused, and said why.
    #[error("{problem}")]
    Problem {
        /// What the server said.
        problem: Box<Problem>,
        /// When it may be asked again.
        retry_after: Option<Duration>,
    },
    /// The server was certainly not reached.
    #[error("the server cannot be reached: {0}")]
    Unreached(String),
    /// The connection broke or took too long after the request may have arrived.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// What came back is not an answer of this API; something between may have spoken.
    #[error("the answer is not Airside's (status {status}): {why}")]
    Unreadable {
        /// The HTTP status.
        status: u16,
        /// What is wrong with it.
        why: String,
    },
    /// There is no session, or it has ended.
    #[error("log in first")]
    LoggedOut,
    /// The session could not be read or kept.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The HTTP client cannot be set up.
    #[error("the connection cannot be set up: {0}")]
    Client(String),
}

impl ApiError {
    /// The server's problem, if it is one.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem { problem, .. } => Some(problem),
            _ => None,
        }
    }

    /// Whether the server answered nothing: the console is offline.
    pub fn is_offline(&self) -> bool {
        matches!(self, Self::Unreached(_) | Self::Broken(_))
    }
}

/// What an error means for the operation that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It has ended: the server refused it for good.
    Final(Problem),
    /// It is not settled and is sent again.
    Kept(Setback),
}

/// Whether an error ends an operation. Only a final 4xx of the API itself does: what a proxy or a login page of a
/// hotel says ends nothing.
pub fn verdict_on(error: &ApiError) -> Verdict {
    let (kind, retry_after) = match error {
        ApiError::Problem { problem, .. } if is_final(problem) => {
            return Verdict::Final(Problem::clone(problem));
        }
        ApiError::Problem { retry_after, .. } => (SetbackKind::Unclear, *retry_after),
        ApiError::LoggedOut => (SetbackKind::LoggedOut, None),
        ApiError::Unreached(_) | ApiError::Session(_) | ApiError::Client(_) => {
            (SetbackKind::Unreached, None)
        }
        ApiError::Broken(_) | ApiError::Unreadable { .. } => (SetbackKind::Unclear, None),
    };
    Verdict::Kept(Setback {
        kind,
        words: error.to_string(),
        retry_after,
    })
}

/// What a call that carried an operation means for the operation.
pub fn answer_of(result: Result<Booking, ApiError>) -> Answer {
    match result {
        Ok(booking) => Answer::Done(Box::new(booking)),
        Err(error) => match verdict_on(&error) {
            Verdict::Final(problem) => Answer::Refused(problem),
            Verdict::Kept(setback) => Answer::Kept(setback),
        },
    }
}

/// A server and the session there. Cheap to clone; clones share both.
#[derive(Debug, Clone)]
pub struct Api(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    url: ServerUrl,
    id: ServerId,
    sessions: Sessions,
    /// The session in use; also on the disk, where another console may have renewed it.
    session: Mutex<Option<Session>>,
    /// The last of the own writes, in the server's words: with it in every request, no copy of the database is shown that
    /// lacks it.
    seen: Mutex<Option<ConsistencyToken>>,
    /// Held by the one call that refreshes.
    refreshing: tokio::sync::Mutex<()>,
    /// Made when it is first needed: reading the system's certificates takes longer than a first frame may.
    client: OnceCell<Client>,
}

/// One request before it is sent.
struct Call {
    method: Method,
    path: String,
    query: Option<String>,
    body: Option<Vec<u8>>,
    key: Option<OperationKey>,
    if_match: Option<u64>,
    /// The last message of a stream that was heard.
    last_id: Option<String>,
    /// How long the call may take, where it is not [`CALL_LIMIT`].
    limit: Option<Duration>,
    accept: &'static str,
}

impl Call {
    fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: None,
            body: None,
            key: None,
            if_match: None,
            last_id: None,
            limit: None,
            accept: "application/json",
        }
    }

    fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    fn query(self, parameters: &impl Serialize) -> Result<Self, ApiError> {
        let query = Some(query::encode(parameters)?).filter(|query| !query.is_empty());
        Ok(Self { query, ..self })
    }

    fn body(self, body: &impl Serialize) -> Result<Self, ApiError> {
        let body = serde_json::to_vec(body).map_err(|e| ApiError::Client(e.to_string()))?;
        Ok(Self {
            body: Some(body),
            ..self
        })
    }

    fn key(self, key: &OperationKey) -> Self {
        Self {
            key: Some(key.clone()),
            ..self
        }
    }

    fn if_match(self, version: u64) -> Self {
        Self {
            if_match: Some(version),
            ..self
        }
    }
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
            sessions,
            session: Mutex::default(),
            seen: Mutex::default(),
            refreshing: tokio::sync::Mutex::default(),
            client: OnceCell::new(),
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

    /// Logs in, and keeps the session.
    pub async fn log_in(&self, username: &str, password: Secret) -> Result<Me, ApiError> {
        let body = LoginRequest {
            username: username.trim().to_owned(),
            password,
        };
        let call = Call::new(Method::POST, "/v1/auth/login").body(&body)?;
        let tokens: Tokens = self.send(&call, None).await?;
        let session = Session::from(tokens);
        let me = session.user.clone();
        self.0.sessions.keep(&session)?;
        self.set(Some(session));
        Ok(me)
    }

    /// Ends the session, here in any case; an error says that the server could not be told.
    pub async fn log_out(&self) -> Result<(), ApiError> {
        let Some(session) = self.session() else {
            return Ok(());
        };
        let held = self.0.sessions.hold(&session.user.username).await?;
        let latest = self
            .0
            .sessions
            .of(&session.user.username)?
            .unwrap_or_else(|| session.clone());
        self.0.sessions.forget(&session.user.username)?;
        self.set(None);
        drop(held);
        let body = RefreshRequest {
            refresh_token: latest.refresh_token.clone(),
        };
        let call = Call::new(Method::POST, "/v1/auth/logout").body(&body)?;
        match self.send::<()>(&call, Some(&latest.access_token)).await {
            // An expired access token, or a session that has ended already.
            Err(ApiError::Problem { problem, .. }) if problem.status == 401 => Ok(()),
            other => other,
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
        let session = self.session().ok_or(ApiError::LoggedOut)?;
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
        let _held = self.0.sessions.hold(user).await?;
        let Some(kept) = self.0.sessions.of(user)? else {
            self.set(None);
            return Err(ApiError::LoggedOut);
        };
        if kept.access_token != refused.access_token {
            self.set(Some(kept.clone()));
            return Ok(kept);
        }
        let body = RefreshRequest {
            refresh_token: kept.refresh_token,
        };
        let call = Call::new(Method::POST, "/v1/auth/refresh").body(&body)?;
        match self.send::<Tokens>(&call, None).await {
            Ok(tokens) => {
                let session = Session::from(tokens);
                self.0.sessions.keep(&session)?;
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

    fn set(&self, session: Option<Session>) {
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

fn unreadable(status: StatusCode, why: String) -> ApiError {
    ApiError::Unreadable {
        status: status.as_u16(),
        why,
    }
}

/// A request that was not answered, in words that may be shown.
fn broken(error: &reqwest::Error) -> ApiError {
    let words = words_of(error);
    if error.is_connect() || error.is_builder() {
        ApiError::Unreached(words)
    } else {
        ApiError::Broken(words)
    }
}

/// An error with what caused it, innermost last, without the address.
fn words_of(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it took too long".to_owned();
    }
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    airside_common::text::printable(&deepest.to_string())
}
