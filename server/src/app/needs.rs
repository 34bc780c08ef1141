//! What the answer to a request needs, and whether it is there.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::features::auth::public_keys::PublicKeys;
use crate::http::health::Dependency;
use crate::messages::queues::SharedQueues;
use crate::redis::Redis;
use crate::roles::set::Roles;
use crate::store::{ReplicaHealth, SharedDatabase};

/// What the answer to a request needs.
pub(super) struct Needs {
    pub(super) roles: Roles,
    pub(super) database: SharedDatabase,
    pub(super) keys: Arc<PublicKeys>,
    pub(super) redis: Option<Redis>,
    pub(super) queues: SharedQueues,
}

#[async_trait]
impl Dependency for Needs {
    async fn answers(&self) -> Result<(), String> {
        if !self.keys.are_known() {
            return Err("the keys of access tokens are not known yet".to_owned());
        }
        let patience = Duration::from_secs(1);
        match tokio::time::timeout(patience, self.database.answers()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err("the database does not answer".to_owned()),
        }
    }

    fn replicas(&self) -> Vec<ReplicaHealth> {
        self.database.replicas()
    }

    fn roles(&self) -> &Roles {
        &self.roles
    }

    fn redis_answers(&self) -> Option<bool> {
        self.redis.as_ref().and_then(Redis::answers)
    }

    fn broker_answers(&self) -> Option<bool> {
        self.queues.broker_answers()
    }
}
