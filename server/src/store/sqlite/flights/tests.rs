use super::*;
use crate::features::flights::store::contract;

#[tokio::test]
async fn it_is_a_store_of_flights() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("airside.db").display());
    let sqlite = Sqlite::open(&url).await.unwrap();
    contract::holds(&sqlite).await;

    let mut written = sqlite.readers().acquire().await.unwrap();
    let events: Vec<String> =
        sqlx::query_scalar("SELECT payload ->> 'type' FROM outbox ORDER BY id")
            .fetch_all(&mut *written)
            .await
            .unwrap();
    let expected = [
        "flight.created",
        "flight.changed",
        "flight.cancelled",
        "flights.imported",
    ];
    assert_eq!(events, expected, "one for each change that was one");
    let audited: i64 = sqlx::query_scalar("SELECT count(*) FROM audit WHERE target LIKE '89%'")
        .fetch_one(&mut *written)
        .await
        .unwrap();
    assert_eq!(
        audited, 1,
        "the flight that was made is named by its identity"
    );
}
