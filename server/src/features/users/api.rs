//! Endpoints of users, for admins.

use airside_common::api::problem::Code;
use airside_common::api::users::{CreateUser, PatchUser, User, UserPage};
use airside_common::user::UserId;
use poem_openapi::param::{Path, Query};
use poem_openapi::{ApiResponse, OpenApi};

use super::service::{UserError, Users};
use super::store::UserStoreError;
use crate::features::audit::entry::Author;
use crate::features::flights::api::page_size;
use crate::http::authentication::AdminAuth;
use crate::http::body::{Body, JsonBytes};
use crate::http::context::RequestId;
use crate::http::problem::ProblemAnswer;

/// Endpoints of users.
#[derive(Clone)]
pub struct UsersApi {
    users: Users,
}

impl UsersApi {
    /// Endpoints over a service.
    pub fn new(users: Users) -> Self {
        Self { users }
    }
}

impl From<UserError> for ProblemAnswer {
    fn from(error: UserError) -> Self {
        let text = error.to_string();
        match error {
            UserError::Weak(_) => Self::field("password", text),
            UserError::Reserved => Self::field("username", text),
            UserError::Nothing => Self::field("body", text),
            UserError::Store(UserStoreError::AlreadyExists(_)) => {
                Self::new(Code::AlreadyExists, text)
            }
            UserError::Store(UserStoreError::NotFound) => Self::new(Code::NotFound, text),
            UserError::Store(UserStoreError::LastAdmin) => Self::new(Code::Conflict, text),
            UserError::Store(UserStoreError::Store(error)) => error.into(),
            UserError::Hash(_) => {
                Self::new(Code::Internal, "the password could not be hashed").because(text)
            }
        }
    }
}

/// A user that was made.
#[derive(ApiResponse)]
pub enum UserMade {
    /// The user.
    #[oai(status = 201)]
    Created(
        JsonBytes<User>,
        /// Where the user is.
        #[oai(header = "Location")]
        String,
    ),
}

#[OpenApi(prefix_path = "/v1/admin")]
impl UsersApi {
    /// List users, by name
    #[oai(path = "/users", method = "get", operation_id = "listUsers")]
    async fn list(
        &self,
        _admin: AdminAuth,
        /// Users of one page: 1 to 100.
        limit: Query<Option<u32>>,
        /// From the page before.
        cursor: Query<Option<String>>,
    ) -> Result<JsonBytes<UserPage>, ProblemAnswer> {
        let limit = page_size(limit.0)?;
        JsonBytes::of(&self.users.list(cursor.0.as_deref(), limit).await?)
    }

    /// Make a user
    #[oai(path = "/users", method = "post", operation_id = "createUser")]
    async fn create(
        &self,
        admin: AdminAuth,
        id: RequestId,
        body: Body<CreateUser>,
    ) -> Result<UserMade, ProblemAnswer> {
        let user = self
            .users
            .create(&Author::of(&admin.0, &id), body.0)
            .await?;
        Ok(UserMade::Created(
            JsonBytes::of(&user)?,
            format!("/v1/admin/users/{}", user.id),
        ))
    }

    /// Read a user
    #[oai(path = "/users/:id", method = "get", operation_id = "readUser")]
    async fn read(
        &self,
        _admin: AdminAuth,
        id: Path<UserId>,
    ) -> Result<JsonBytes<User>, ProblemAnswer> {
        JsonBytes::of(&self.users.user(id.0).await?)
    }

    /// Change a user
    ///
    /// Every change ends the user's sessions.
    #[oai(path = "/users/:id", method = "patch", operation_id = "changeUser")]
    async fn change(
        &self,
        admin: AdminAuth,
        request: RequestId,
        id: Path<UserId>,
        body: Body<PatchUser>,
    ) -> Result<JsonBytes<User>, ProblemAnswer> {
        let author = Author::of(&admin.0, &request);
        JsonBytes::of(&self.users.change(&author, id.0, body.0).await?)
    }
}
