//! What a server of PostgreSQL's says of itself: whether it takes writes, and how far it is in which history.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use airside_common::consistency::ConsistencyToken;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};

/// How long a server may take to say how it stands.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// A place in the write-ahead log.
pub(super) type Lsn = u64;

/// Where a server is in its history. Each promotion begins a timeline with a higher number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WalPosition {
    /// The cluster, which has the same number on the primary and its replicas.
    pub(super) system: u64,
    pub(super) timeline: u32,
    pub(super) lsn: Lsn,
}

impl WalPosition {
    pub(super) fn token(self) -> ConsistencyToken {
        let position = u128::from(self.timeline) << 64 | u128::from(self.lsn);
        ConsistencyToken::new(self.system, position)
    }

    /// `None` for what no server of ours has given.
    pub(super) fn of_token(token: &ConsistencyToken) -> Option<Self> {
        let (system, position) = token.parts()?;
        Some(Self {
            system,
            timeline: u32::try_from(position >> 64).ok()?,
            lsn: Lsn::try_from(position & u128::from(u64::MAX)).ok()?,
        })
    }
}

/// How a server stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) takes_writes: bool,
    /// A replica's timeline may be said too low for a while, and never too high.
    pub(super) timeline: u32,
    pub(super) system: u64,
    /// What is in the log to stay and is sent to replicas; on a replica what it has replayed.
    pub(super) durable: Lsn,
    /// What was written into the log; on a replica the same as above.
    pub(super) written: Lsn,
}

/// Asks a server how it stands. A role without `pg_read_all_stats` hears of a replica's new timeline only at its next
/// restart point.
pub(super) async fn ask(connection: &mut PgConnection) -> Result<Standing, sqlx::Error> {
    let (replica, system, timeline, durable, written): (bool, i64, i64, i64, i64) =
        sqlx::query_as(
            "SELECT replica, system_identifier,
                    CASE WHEN replica
                        THEN greatest(timeline_id, min_recovery_end_timeline,
                                      (SELECT received_tli FROM pg_stat_wal_receiver))
                        ELSE ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::bigint
                    END::bigint,
                    CASE WHEN replica THEN coalesce(pg_last_wal_replay_lsn() - '0/0', 0)
                        ELSE pg_current_wal_flush_lsn() - '0/0' END::bigint,
                    CASE WHEN replica THEN coalesce(pg_last_wal_replay_lsn() - '0/0', 0)
                        ELSE pg_current_wal_insert_lsn() - '0/0' END::bigint
             FROM pg_is_in_recovery() AS replica, pg_control_system(), pg_control_checkpoint(), pg_control_recovery()",
        )
        .fetch_one(connection)
        .await?;
    Ok(Standing {
        takes_writes: !replica,
        timeline: u32::try_from(timeline).unwrap_or(0),
        system: system.cast_unsigned(),
        durable: durable.cast_unsigned(),
        written: written.cast_unsigned(),
    })
}

/// The newest migration that a database has; `None` where it has none.
pub(super) async fn schema(connection: &mut PgConnection) -> Result<Option<i64>, sqlx::Error> {
    let has_table: bool = sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await?;
    if !has_table {
        return Ok(None);
    }
    sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
        .fetch_one(connection)
        .await
}

/// The cluster that this process works on, and the highest timeline that was seen in it: a server of a lower one has been
/// replaced, and takes no writes any more.
#[derive(Debug)]
pub(super) struct History {
    pub(super) system: u64,
    timeline: AtomicU32,
}

/// Why a server that says that it takes writes is not given any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotPrimary {
    #[error("it is a replica")]
    Replica,
    #[error("it is of another cluster")]
    Foreign,
    #[error("it was replaced: it is on timeline {found}, and there is timeline {newest}")]
    Replaced { found: u32, newest: u32 },
}

impl History {
    pub(super) fn of(standing: &Standing) -> Self {
        Self {
            system: standing.system,
            timeline: AtomicU32::new(standing.timeline),
        }
    }

    pub(super) fn timeline(&self) -> u32 {
        self.timeline.load(Ordering::Acquire)
    }

    /// Takes note of what a server says, be it a primary or a replica.
    pub(super) fn saw(&self, standing: &Standing) {
        if standing.system == self.system {
            self.timeline.fetch_max(standing.timeline, Ordering::AcqRel);
        }
    }

    /// Whether a server may be given writes.
    pub(super) fn admits(&self, standing: &Standing) -> Result<(), NotPrimary> {
        self.saw(standing);
        let newest = self.timeline();
        if standing.system != self.system {
            Err(NotPrimary::Foreign)
        } else if !standing.takes_writes {
            Err(NotPrimary::Replica)
        } else if standing.timeline < newest {
            Err(NotPrimary::Replaced {
                found: standing.timeline,
                newest,
            })
        } else {
            Ok(())
        }
    }
}

/// A connection on which one server is asked again and again. It is of its own, so that a server that is frozen keeps
/// nobody else waiting.
#[derive(Debug)]
pub(super) struct Probe {
    options: PgConnectOptions,
    connection: Option<PgConnection>,
}

/// Why a server did not say how it stands.
#[derive(Debug, thiserror::Error)]
pub(super) enum Silent {
    #[error("it does not answer")]
    Late,
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl Probe {
    pub(super) fn new(options: PgConnectOptions) -> Self {
        Self {
            options,
            connection: None,
        }
    }

    /// How the server stands, with the newest migration of its database.
    pub(super) async fn ask(&mut self) -> Result<(Standing, Option<i64>), Silent> {
        let mut connection = self.connection.take();
        let asked = tokio::time::timeout(PATIENCE, async {
            let mut open = match connection.take() {
                Some(open) => open,
                None => PgConnection::connect_with(&self.options).await?,
            };
            let standing = ask(&mut open).await?;
            let schema = schema(&mut open).await?;
            Ok::<_, sqlx::Error>((open, standing, schema))
        });
        // Where it fails, the connection is dropped without a goodbye, which might not arrive either.
        let (open, standing, schema) = asked.await.map_err(|_| Silent::Late)??;
        self.connection = Some(open);
        Ok((standing, schema))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn primary(timeline: u32) -> Standing {
        Standing {
            takes_writes: true,
            timeline,
            system: 7,
            durable: 0,
            written: 0,
        }
    }

    #[test]
    fn a_position_is_read_from_its_token() {
        let position = WalPosition {
            system: u64::MAX - 3,
            timeline: 12,
            lsn: u64::MAX - 5,
        };
        assert_eq!(WalPosition::of_token(&position.token()), Some(position));
        let unknown = ConsistencyToken::unknown();
        assert_eq!(WalPosition::of_token(&unknown), None);
    }

    #[test]
    fn who_was_replaced_takes_no_writes_once_that_is_known() {
        let history = History::of(&primary(3));
        assert_eq!(history.admits(&primary(3)), Ok(()));
        let replica = Standing {
            takes_writes: false,
            ..primary(5)
        };
        assert_eq!(history.admits(&replica), Err(NotPrimary::Replica));
        let replaced = NotPrimary::Replaced {
            found: 4,
            newest: 5,
        };
        assert_eq!(history.admits(&primary(4)), Err(replaced));
        assert_eq!(history.admits(&primary(6)), Ok(()));
        let foreign = Standing {
            system: 8,
            ..primary(9)
        };
        assert_eq!(history.admits(&foreign), Err(NotPrimary::Foreign));
        assert_eq!(history.timeline(), 6);
    }
}
