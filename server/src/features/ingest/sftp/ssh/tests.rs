use rstest::rstest;

use super::*;

fn ssh(key_file: &str, known_hosts_file: &str) -> Result<Ssh, SourceError> {
    let address = SftpAddress {
        host: "host".to_owned(),
        port: 2222,
        user: "ada".to_owned(),
        folder: String::new(),
    };
    Ssh::new(address, Path::new(key_file), Path::new(known_hosts_file))
}

fn arguments(ssh: &Ssh) -> Vec<String> {
    let command = ssh.command();
    let arguments = command.as_std().get_args();
    arguments
        .map(|argument| argument.to_str().unwrap().to_owned())
        .collect()
}

#[test]
fn files_of_any_name_are_one_value() {
    let ssh = ssh("/srv/keys of 100%/a", "/srv/hosts of b").unwrap();
    let arguments = arguments(&ssh);
    for wanted in [
        "IdentityFile=\"/srv/keys of 100%%/a\"",
        "UserKnownHostsFile=\"/srv/hosts of b\"",
        "GlobalKnownHostsFile=/dev/null",
        "IdentitiesOnly=yes",
        "StrictHostKeyChecking=yes",
        "BatchMode=yes",
    ] {
        assert!(
            arguments.iter().any(|argument| argument == wanted),
            "{wanted}: {arguments:?}"
        );
    }
    let tail = ["-p", "2222", "-l", "ada", "-s", "--", "host", "sftp"];
    assert!(
        arguments.ends_with(&tail.map(str::to_owned)),
        "{arguments:?}"
    );
}

#[rstest]
#[case("a\" -oProxyCommand=x")]
#[case("a\\")]
#[case("${HOME}/a")]
#[case("a\nb")]
fn a_name_that_is_more_than_one_value_is_refused(#[case] name: &str) {
    let error = ssh(name, "").err().unwrap().to_string();
    assert!(error.starts_with("key_file: "), "{error}");
    assert!(ssh("", name).is_err());
}

#[test]
fn nothing_that_is_the_servers_own_is_told_to_ssh() {
    let command = ssh("", "").unwrap().command();
    let given: Vec<_> = command
        .as_std()
        .get_envs()
        .map(|(name, _)| name.to_str().unwrap().to_owned())
        .collect();
    let others = given
        .iter()
        .filter(|name| *name != "LC_ALL" && !ENVIRONMENT.contains(&name.as_str()));
    assert_eq!(others.count(), 0, "{given:?}");
}

#[rstest]
#[case("", None)]
#[case("\n", None)]
#[case("@@@\r\na: b\r\nc\r\n", Some("a: b; c"))]
#[case(
    "No ED25519 host key is known for host and you have requested strict checking.\nHost key verification failed.",
    Some(
        "the server's host key is not known. Compare its fingerprint with what those say who run it, and add it: ssh-keyscan -p 2222 \
     host >>/etc/hosts of 100%"
    )
)]
#[case(
    "@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key verification failed.",
    Some(
        "the server has another host key than /etc/hosts of 100% says: it may be somebody else. Ask who runs it before you replace the \
     key there"
    )
)]
fn what_it_says_is_told_to_people(#[case] said: &str, #[case] meaning: Option<&str>) {
    let ssh = ssh("", "/etc/hosts of 100%").unwrap();
    assert_eq!(ssh.meaning(said).as_deref(), meaning);
}
