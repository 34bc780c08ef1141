//! Who may call: an endpoint takes [`AgentAuth`] or [`AdminAuth`] as its first argument, before its body, and so nothing
//! is read of a request that is refused.

use std::sync::Arc;

use airside_common::api::problem::Code;
use airside_common::user::Role;
use jiff::Timestamp;
use poem::http::header;
use poem::{FromRequest, Request, RequestBody, Result};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::context::RequestContext;
use super::problem::ProblemAnswer;
pub use crate::features::auth::caller::{Caller, SessionId};
use crate::features::auth::tokens::Refused;

const SCHEME: &str = "access_token";

/// A logged-in user, agent or admin.
#[derive(Debug, Clone)]
pub struct AgentAuth(pub Caller);

/// A logged-in admin; agents get 403.
#[derive(Debug, Clone)]
pub struct AdminAuth(pub Caller);

/// When the access token of a request expires; an endpoint that takes one as an argument, behind its caller, gets its
/// request's.
#[derive(Debug, Clone, Copy)]
pub struct TokenExpiry(pub Timestamp);

impl<'a> FromRequest<'a> for TokenExpiry {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> Result<Self> {
        let expiry = RequestContext::of(request)?
            .verifier
            .expiry(bearer(request)?);
        let gone = || ProblemAnswer::new(Code::TokenExpired, Refused::Expired.to_string());
        Ok(Self(expiry.ok_or_else(gone)?))
    }
}

/// The access token of a request.
fn bearer(request: &Request) -> Result<&str, ProblemAnswer> {
    request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme
                .eq_ignore_ascii_case("bearer")
                .then_some(token.trim())
        })
        .ok_or_else(|| {
            ProblemAnswer::new(
                Code::Unauthenticated,
                "send an access token as `Authorization: Bearer …`",
            )
        })
}

/// The user behind a request, where the token was verified before and still holds, and where it is certain that the user
/// does not make too many.
pub fn recalled(request: &Request) -> Option<Arc<Caller>> {
    let context = RequestContext::of(request).ok()?;
    let caller = context.verifier.recall(bearer(request).ok()?)?;
    let rates = context.rates.as_deref();
    rates
        .is_none_or(|rates| rates.admits_at_once(caller.user_id))
        .then_some(caller)
}

/// The user behind a request, by its access token, who does not make too many.
async fn authenticate(request: &Request) -> Result<Arc<Caller>, ProblemAnswer> {
    let context = RequestContext::of(request)?;
    let caller = context
        .verifier
        .verify(bearer(request)?)
        .await
        .map_err(|refused| {
            let code = match refused {
                Refused::Expired => Code::TokenExpired,
                Refused::Unknown => Code::Unavailable,
                Refused::Ended | Refused::NotYet | Refused::Invalid => Code::Unauthenticated,
            };
            ProblemAnswer::new(code, refused.to_string())
        })?;
    if let Some(rates) = &context.rates {
        rates.admit(caller.user_id).await.map_err(|wait| {
            let text = "this user makes too many requests; wait a moment";
            ProblemAnswer::new(Code::TooManyRequests, text).retry_after(wait)
        })?;
    }
    Ok(caller)
}

fn register_scheme(registry: &mut Registry) {
    registry.create_security_scheme(
        SCHEME,
        MetaSecurityScheme {
            ty: "http",
            description: Some("The access token of `POST /v1/auth/login`; it lives 15 minutes."),
            name: None,
            key_in: None,
            scheme: Some("bearer"),
            bearer_format: Some("JWT"),
            flows: None,
            openid_connect_url: None,
        },
    );
}

impl<'a> ApiExtractor<'a> for AgentAuth {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register_scheme(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME]
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> Result<Self> {
        let caller = authenticate(request).await?;
        Ok(Self(Caller::clone(&caller)))
    }
}

impl<'a> ApiExtractor<'a> for AdminAuth {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register_scheme(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME]
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> Result<Self> {
        let caller = authenticate(request).await?;
        match caller.role {
            Role::Admin => Ok(Self(Caller::clone(&caller))),
            Role::Agent => {
                Err(ProblemAnswer::new(Code::Forbidden, "only admins may do this").into())
            }
        }
    }
}
