//! What is loaded before the C library, to stand between a server and its machine.

use std::path::Path;

use tokio::process::Command;

/// Builds `NAME.c` of this folder as `NAME.so` of another.
pub(crate) async fn build(name: &str, folder: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(folder.join(name).with_extension("so"))
        .arg(source.join(name).with_extension("c"))
        .arg("-ldl")
        .status()
        .await
        .unwrap();
    assert!(built.success());
}
