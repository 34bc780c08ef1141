use crate::program::Folder;

#[test]
fn the_document_is_json_and_a_reader_may_stop_early() {
    let folder = Folder::new();
    let said = folder.run(&["openapi"], "");
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let document: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(document["openapi"], "3.0.0");

    let mut child = folder.command(&["openapi"]).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
}

#[test]
fn the_document_of_messages_has_an_example_of_each() {
    let folder = Folder::new();
    let said = folder.run(&["asyncapi"], "");
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let document: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(document["asyncapi"], "3.0.0");
    let created = &document["components"]["messages"]["booking.created"];
    assert_eq!(created["examples"][0]["payload"]["subject"], "K7QW2M");
}
