//! Certificates of servers at `127.0.0.1`, as files.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

/// Files in PEM, gone with this value.
pub(crate) struct Certificates {
    _folder: TempDir,
    /// That of an authority.
    pub(crate) ours: PathBuf,
    /// That of a server at `127.0.0.1`, by the word of this authority, and its key.
    pub(crate) server: PathBuf,
    pub(crate) key: PathBuf,
    /// That of an authority which has nothing to do with them.
    pub(crate) other: PathBuf,
}

impl Certificates {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (root, issuer) = authority();
        let (server, key) = certificate(&issuer);
        let file = |name: &str, text: &str| write(folder.path(), name, text);
        Self {
            ours: file("ours.pem", &root),
            server: file("server.pem", &server),
            key: file("server.key", &key),
            other: file("other.pem", &authority().0),
            _folder: folder,
        }
    }
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// An authority that nobody else knows: its certificate, and what signs.
fn authority() -> (String, Issuer<'static, KeyPair>) {
    let key = KeyPair::generate().unwrap();
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // Where a server's certificate has the same name as its authority's, OpenSSL looks for no authority.
    let name = &mut parameters.distinguished_name;
    name.push(DnType::CommonName, "an authority of tests");
    let certificate = parameters.self_signed(&key).unwrap().pem();
    (certificate, Issuer::new(parameters, key))
}

/// The certificate of a server at `127.0.0.1` by the word of an authority, and its key.
fn certificate(authority: &Issuer<'static, KeyPair>) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()])
        .unwrap()
        .signed_by(&key, authority)
        .unwrap();
    (certificate.pem(), key.serialize_pem())
}
