use crate::program::Folder;

const AGENT: [&str; 7] = [
    "user",
    "add",
    "ada",
    "--role",
    "agent",
    "--office",
    "NYC1A0001",
];

#[test]
fn users_are_made_listed_disabled_and_given_passwords() {
    let folder = Folder::new();
    let made = folder.run(&AGENT, "a lengthy sentence\nand a second line\n");
    assert_eq!((made.code, made.out.as_str()), (0, "ada agent NYC1A0001\n"));
    let again = folder.run(&AGENT, "a lengthy sentence\n");
    assert_eq!(again.code, 1);
    assert!(
        again.err.contains("there is a user ada already"),
        "{}",
        again.err
    );
    assert_eq!(
        folder.run(&["user", "list"], "").out,
        "ada agent NYC1A0001\n"
    );
    let password = folder.run(&["user", "password", "ada"], "another lengthy sentence\n");
    assert_eq!(password.out, "ada has a new password\n");
    let disabled = folder.run(&["user", "disable", "ada"], "");
    assert_eq!(disabled.out, "ada is disabled\n");
    let list = folder.run(&["user", "list"], "").out;
    assert!(
        list.starts_with("ada agent NYC1A0001 disabled 20"),
        "{list}"
    );
    let unknown = folder.run(&["user", "disable", "eve"], "");
    assert!(
        unknown.err.contains("there is no such user"),
        "{}",
        unknown.err
    );
}

#[test]
fn what_is_wrong_is_said_and_no_password_is_an_argument() {
    let folder = Folder::new();
    for (password, expected) in [
        ("short\n", "a password has 8 to 128 characters"),
        ("", "a password has 8 to 128 characters"),
        ("password\n", "one of the commonest"),
    ] {
        let said = folder.run(&AGENT, password);
        assert_eq!(said.code, 1);
        assert!(said.err.contains(expected), "{}", said.err);
    }
    let mut arguments = AGENT.to_vec();
    arguments.extend(["--password", "a lengthy sentence"]);
    assert_eq!(folder.run(&arguments, "").code, 2);
    assert_eq!(folder.run(&["user", "list"], "").out, "");
}
