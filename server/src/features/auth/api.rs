//! Endpoints of logging in.

use airside_common::api::auth::{LoginRequest, Me, RefreshRequest, Tokens};
use airside_common::api::problem::Code;
use poem_openapi::types::Any;
use poem_openapi::{ApiResponse, OpenApi};

use super::service::{Auth, AuthError};
use crate::http::authentication::AgentAuth;
use crate::http::body::{Body, JsonBytes};
use crate::http::context::{ClientAddress, RequestId};
use crate::http::problem::ProblemAnswer;

/// Endpoints of logging in.
#[derive(Clone)]
pub struct AuthApi {
    auth: Auth,
}

impl AuthApi {
    /// Endpoints over a service.
    pub fn new(auth: Auth) -> Self {
        Self { auth }
    }
}

impl From<AuthError> for ProblemAnswer {
    fn from(error: AuthError) -> Self {
        let text = error.to_string();
        match error {
            AuthError::Wrong | AuthError::Ended => Self::new(Code::Unauthenticated, text),
            AuthError::Throttled(wait) => Self::new(Code::TooManyRequests, text).retry_after(wait),
            AuthError::Store(error) => error.into(),
            AuthError::Hash(_) | AuthError::Key(_) => {
                Self::new(Code::Internal, "the login failed by a fault of the server").because(text)
            }
        }
    }
}

/// The session has ended.
#[derive(ApiResponse)]
pub enum LoggedOut {
    /// The session has ended.
    #[oai(status = 204)]
    Done,
}

#[OpenApi]
impl AuthApi {
    /// Log in
    ///
    /// Five failures an account and twenty an address are let through a minute; then the answer is 429.
    #[oai(path = "/v1/auth/login", method = "post", operation_id = "logIn")]
    async fn login(
        &self,
        address: ClientAddress,
        id: RequestId,
        body: Body<LoginRequest>,
    ) -> Result<JsonBytes<Tokens>, ProblemAnswer> {
        JsonBytes::of(&self.auth.login(body.0, address.0, id.as_str()).await?)
    }

    /// Get the next pair of tokens
    ///
    /// Each refresh token works once. One that is used again ends the session, since somebody else may have it.
    #[oai(
        path = "/v1/auth/refresh",
        method = "post",
        operation_id = "refreshSession"
    )]
    async fn refresh(
        &self,
        id: RequestId,
        body: Body<RefreshRequest>,
    ) -> Result<JsonBytes<Tokens>, ProblemAnswer> {
        JsonBytes::of(
            &self
                .auth
                .refresh(&body.0.refresh_token, id.as_str())
                .await?,
        )
    }

    /// Log out
    ///
    /// Ends the session of the refresh token, its access tokens included.
    #[oai(path = "/v1/auth/logout", method = "post", operation_id = "logOut")]
    async fn logout(
        &self,
        id: RequestId,
        body: Body<RefreshRequest>,
    ) -> Result<LoggedOut, ProblemAnswer> {
        self.auth.logout(&body.0.refresh_token, id.as_str()).await?;
        Ok(LoggedOut::Done)
    }

    /// Who am I
    #[oai(path = "/v1/auth/me", method = "get", operation_id = "readMe")]
    #[expect(
        clippy::unused_async,
        reason = "endpoints are asynchronous, this one waits for nothing"
    )]
    async fn me(&self, caller: AgentAuth) -> Result<JsonBytes<Me>, ProblemAnswer> {
        let caller = caller.0;
        JsonBytes::of(&Me {
            id: caller.user_id,
            username: caller.username,
            role: caller.role,
            office: caller.office,
        })
    }

    /// The public keys of access tokens
    ///
    /// A JSON Web Key set (RFC 7517) with which anybody can verify tokens.
    #[oai(
        path = "/.well-known/jwks.json",
        method = "get",
        operation_id = "listPublicKeys"
    )]
    #[expect(
        clippy::unused_async,
        reason = "endpoints are asynchronous, this one waits for nothing"
    )]
    async fn keys(&self) -> Result<JsonBytes<Any<serde_json::Value>>, ProblemAnswer> {
        let keys = serde_json::to_vec(&self.auth.public_keys())
            .map_err(|e| ProblemAnswer::new(Code::Internal, format!("the keys: {e}")))?;
        Ok(JsonBytes::new(keys))
    }
}
