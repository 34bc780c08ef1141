//! Many migrators at once; a schema of the future.

use sqlx::{Connection, PgConnection, SqlitePool};

use crate::process::{Place, Store};

/// The versions of the schema, the oldest first.
fn versions() -> Vec<i64> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations/sqlite");
    let files = std::fs::read_dir(folder).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut versions: Vec<i64> = names
        .map(|name| name.split_once('_').unwrap().0.parse().unwrap())
        .collect();
    versions.sort_unstable();
    versions
}

fn newest() -> i64 {
    *versions().last().unwrap()
}

/// Eight at once on an empty database: each says that the schema is there.
async fn migrate_at_once(place: &Place) {
    let runs = (0..8).map(|_| place.run(&["migrate"], ""));
    for output in futures_util::future::join_all(runs).await {
        assert!(output.status.success(), "{output:?}");
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            format!("schema version {}\n", newest())
        );
    }
}

/// Every command says which versions do not fit.
async fn is_refused(place: &Place) {
    for command in ["run", "migrate", "check"] {
        let output = place.run(&[command], "").await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{command}: {said}");
        assert!(
            said.contains(&format!("version 999, newer than {}", newest())),
            "{command}: {said}"
        );
    }
}

#[tokio::test]
async fn of_many_that_migrate_at_once_one_does_and_the_others_find_nothing_to_do() {
    let place = Place::empty();
    // Again and again, since the last one that ends locks the file for a moment, and others open it just then.
    for _ in 0..20 {
        migrate_at_once(&place).await;
    }
    let database = SqlitePool::connect(&place.database()).await.unwrap();
    let applied: i64 = sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations")
        .fetch_one(&database)
        .await
        .unwrap();
    assert_eq!(usize::try_from(applied).unwrap(), versions().len());
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_nothing_is_written() {
    let place = Place::empty();
    assert!(place.run(&["migrate"], "").await.status.success());
    let database = SqlitePool::connect(&place.database()).await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (999, 'of the future', TRUE, x'00', 0)",
    )
    .execute(&database)
    .await
    .unwrap();
    database.close().await;
    let file = place.database().replace("sqlite://", "");
    let before = std::fs::read(&file).unwrap();
    is_refused(&place).await;
    assert!(std::fs::read(&file).unwrap() == before);
}

#[tokio::test]
async fn of_many_on_postgresql_one_migrates() {
    let place = Place::empty_on(Store::Postgres).await;
    migrate_at_once(&place).await;
    let mut database = PgConnection::connect(&place.database()).await.unwrap();
    let applied: i64 = sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations")
        .fetch_one(&mut database)
        .await
        .unwrap();
    assert_eq!(usize::try_from(applied).unwrap(), versions().len());
}

#[tokio::test]
async fn a_newer_schema_on_postgresql_is_refused_and_nothing_is_written() {
    let place = Place::empty_on(Store::Postgres).await;
    assert!(place.run(&["migrate"], "").await.status.success());
    let mut database = PgConnection::connect(&place.database()).await.unwrap();
    sqlx::raw_sql(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (999, 'of the future', TRUE, '', 0);
         -- From here on whoever writes is told so, and nothing of versions.
         DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$",
    )
    .execute(&mut database)
    .await
    .unwrap();
    database.close().await.unwrap();
    is_refused(&place).await;
}

#[tokio::test]
async fn two_servers_do_not_share_a_folder() {
    let place = Place::empty();
    let _server = place.start().await;
    let output = place.run(&["run", "--listen", "127.0.0.1:0"], "").await;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("another airside-server runs"), "{said}");
}

#[tokio::test]
async fn a_server_takes_over_from_one_that_ends() {
    let place = Place::empty();
    let first = place.start().await;
    // The second finds the folder in use at first; both ends are awaited.
    let (second, ()) = tokio::join!(place.start(), first.stop());
    second.stop().await;
}
