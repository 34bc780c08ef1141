use sqlx::{Connection, PgConnection};

use crate::program::{Folder, Said};
use crate::services::FreshDatabase;

#[tokio::test]
async fn commands_work_on_postgresql_too() {
    let folder = Folder::new();
    let database = FreshDatabase::new().await;
    let run = |arguments: &[&str], input: &str| -> Said {
        folder.file("input", input);
        let input = std::fs::File::open(folder.path("input")).unwrap();
        let mut command = folder.command(arguments);
        command.env("AIRSIDE_DATABASE_URL", database.url());
        command.stdin(input).output().unwrap().into()
    };
    let migrated = run(&["migrate"], "");
    assert_eq!(migrated.code, 0, "{}", migrated.err);
    assert!(
        migrated.out.starts_with("schema version "),
        "{}",
        migrated.out
    );
    let add = [
        "user",
        "add",
        "ada",
        "--role",
        "agent",
        "--office",
        "NYC1A0001",
    ];
    let made = run(&add, "a lengthy sentence\n");
    assert_eq!(made.out, "ada agent NYC1A0001\n", "{}", made.err);
    let again = run(&add, "a lengthy sentence\n");
    assert!(
        again.err.contains("there is a user ada already"),
        "{}",
        again.err
    );
    assert_eq!(
        run(&["user", "disable", "ada"], "").out,
        "ada is disabled\n"
    );
    let file = "carrier,number,origin,destination,departure,arrival,aircraft,seats_economy,fare_economy,currency\n\
                UA,1,JFK,LAX,2026-12-07T08:00,2026-12-07T11:00,738,150,99.50,USD\n";
    let first = run(&["import", "-"], file);
    assert_eq!(
        first.out, "created 1 updated 0 unchanged 0 rejected 0\n",
        "{}",
        first.err
    );
    let second = run(&["import", "-"], file);
    assert_eq!(second.out, "created 0 updated 0 unchanged 1 rejected 0\n");
    assert_eq!(run(&["check"], "").out, "no contradictions\n");

    let past = file.replace("2026-12-07", "2024-02-29");
    assert_eq!(run(&["import", "-"], &past).code, 0);
    let listed = run(&["months", "list"], "").out;
    let months: Vec<&str> = listed.lines().map(|line| &line[..7]).collect();
    assert_eq!(months, ["2024-02", "2026-12"], "{listed}");
    assert!(
        listed.lines().all(|line| line.ends_with(" 0.1 MB")),
        "{listed}"
    );
    let detached = run(&["months", "detach", "2024-02"], "");
    assert_eq!(
        detached.out,
        "2024-02: 1 flights detached, 0 stay, since bookings name them\n\
         dump all of the month with pg_dump -t detached_flights_2024_02 -t detached_inventory_2024_02, then drop both tables\n",
        "{}",
        detached.err
    );
    let refused = run(&["months", "detach", "2024-02"], "");
    assert_eq!(refused.code, 1);
    assert!(
        refused.err.contains("2024-02 has no flights"),
        "{}",
        refused.err
    );
    assert_eq!(run(&["months", "detach", "February"], "").code, 2);

    let mut connection = PgConnection::connect(&database.url()).await.unwrap();
    sqlx::query("UPDATE inventory SET sold = 4 WHERE cabin = 3")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let said = run(&["check"], "");
    assert_eq!(said.code, 3, "{}", said.err);
    assert!(said.out.contains(" cabin 3: "), "{}", said.out);
    assert!(!folder.path("data/airside.db").exists());
}
