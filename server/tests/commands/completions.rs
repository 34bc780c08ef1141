use rstest::rstest;

use crate::program::Folder;

#[rstest]
#[case("bash", "complete -F")]
#[case("zsh", "#compdef airside-server")]
#[case("fish", "complete -c airside-server")]
fn a_shell_gets_its_script(#[case] shell: &str, #[case] expected: &str) {
    let said = Folder::new().run(&["completions", shell], "");
    assert_eq!(said.code, 0);
    assert!(said.out.contains(expected), "{}", said.out);
    for command in [
        "run", "migrate", "import", "user", "openapi", "check", "config",
    ] {
        assert!(said.out.contains(command), "{command}");
    }
}
