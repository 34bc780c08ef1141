//! Databases on the PostgreSQL that `scripts/test` starts.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

/// How long the end of a database may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the server is told: an address of its superuser.
const SERVER: &str = "AIRSIDE_TEST_POSTGRES";

/// A database with nothing in it, for one test; gone with this.
pub(crate) struct FreshDatabase {
    server: String,
    name: String,
}

impl FreshDatabase {
    pub(crate) async fn new() -> Self {
        let server = std::env::var(SERVER).unwrap_or_else(|_| {
            panic!(
                "{SERVER} is not set: run scripts/test, or `eval \"$(scripts/services start)\"` before cargo test"
            )
        });
        Self::on(server).await
    }

    /// On the server of an address.
    pub(crate) async fn on(server: String) -> Self {
        let name = format!("airside_{}", Uuid::new_v4().simple());
        let fresh = Self { server, name };
        // A copy of files that the log only names: the other way has it hold each page of hundreds of databases.
        let statement = format!("CREATE DATABASE {} STRATEGY file_copy", fresh.name);
        let made = execute(&fresh.server, statement).await;
        made.unwrap();
        fresh
    }

    /// Its addresses on the replicas that `scripts/test` starts.
    #[allow(dead_code, reason = "not all tests read from replicas")]
    pub(crate) fn on_replicas(&self) -> Vec<String> {
        let servers = std::env::var("AIRSIDE_TEST_REPLICAS").expect("replicas run, too");
        let server = |server: &str| {
            let (server, _) = server.rsplit_once('/').unwrap();
            format!("{server}/{}", self.name)
        };
        servers.split(',').map(server).collect()
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        let (server, _) = self.server.rsplit_once('/').unwrap();
        format!("{server}/{}", self.name)
    }
}

impl Drop for FreshDatabase {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        let server = self.server.clone();
        // The runtime of the test may be at its end.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime
                .unwrap()
                .block_on(async { tokio::time::timeout(PATIENCE, execute(&server, drop)).await })
        });
        // Where the server is gone or frozen, the database is of no concern any more.
        let _ = dropped.join();
    }
}

async fn execute(server: &str, statement: String) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(server).await?;
    // Its only variable part is a name that was made here.
    sqlx::query(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await?;
    connection.close().await
}
