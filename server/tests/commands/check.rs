use sqlx::SqlitePool;

use crate::program::Folder;

#[tokio::test]
async fn a_row_that_contradicts_others_is_named() {
    let folder = Folder::new();
    let sound = folder.run(&["check"], "");
    assert_eq!((sound.code, sound.out.as_str()), (0, "no contradictions\n"));
    let url = format!("sqlite://{}", folder.path("data/airside.db").display());
    let database = SqlitePool::connect(&url).await.unwrap();
    for statement in [
        "INSERT INTO flights VALUES (7, 'UA', 1, 'JFK', 'ORD', '2099-12-01', 1, 0, 2, 0, '738', 'scheduled', 1, 0, 0)",
        "INSERT INTO inventory VALUES (7, 3, 10, 4, 10000, 'USD')",
    ] {
        sqlx::query(statement).execute(&database).await.unwrap();
    }
    database.close().await;
    let said = folder.run(&["check"], "");
    assert_eq!(said.code, 3, "{}", said.err);
    assert!(said.out.contains("inventory 7 cabin 3: "), "{}", said.out);
    assert_eq!(said.err, "contradictions: 1\n");
}

#[test]
fn sqlite_keeps_all_months_together() {
    let folder = Folder::new();
    for arguments in [&["months", "list"][..], &["months", "detach", "2024-02"]] {
        let said = folder.run(arguments, "");
        assert_eq!(said.code, 1);
        assert!(said.err.contains("nothing to detach"), "{}", said.err);
    }
}
