//! Where things are: the programs that are measured, and a folder for their data.

use std::fs;
use std::path::PathBuf;

/// A program of this build, beside this one.
pub(crate) fn program(name: &str) -> PathBuf {
    let path = std::env::current_exe().unwrap().with_file_name(name);
    assert!(
        path.is_file(),
        "{} is missing: scripts/bench builds it",
        path.display()
    );
    path
}

/// An empty folder, gone with this value. It lies beside the build: on a real disk, where a system's folder for
/// temporary files is often in memory and a sync costs nothing.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let build = std::env::current_exe().unwrap();
        let path = build.with_file_name("bench-data").join(name);
        if path.exists() {
            fs::remove_dir_all(&path).unwrap();
        }
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays is removed by the next run.
        let _ = fs::remove_dir_all(&self.0);
    }
}
