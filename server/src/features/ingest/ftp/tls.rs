//! Whose certificates are believed when an FTP server says who it is.

use std::path::Path;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use suppaftp::tokio::AsyncRustlsConnector;
use suppaftp::tokio_rustls::TlsConnector;

use super::super::source::{SourceError, short};

/// Sessions that are kept to be resumed.
const SESSIONS: usize = 8;

/// The versions that are offered, one after the other. Servers want each file's connection to resume the session of the one
/// that asked for it. Those of TLS 1.2 can be resumed as often as there are files; of TLS 1.3, by this library, as often as the
/// server has given tickets in advance, which is twice.
const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// By whose word a server is believed, and how it is spoken to.
pub(super) struct Trust([Arc<ClientConfig>; 2]);

impl Trust {
    /// Those who signed by the word of a file's certificates; of the authorities of the web, where there is no file.
    pub(super) fn of(ca_file: &Path) -> Result<Self, SourceError> {
        let wrong = |why: &dyn std::fmt::Display| {
            let text = format!("ca_file: {}: {why}", ca_file.display());
            SourceError::Service(short(&text))
        };
        let mut roots = RootCertStore::empty();
        if ca_file.as_os_str().is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        } else {
            let text = std::fs::read(ca_file).map_err(|error| wrong(&error))?;
            for certificate in CertificateDer::pem_slice_iter(&text) {
                let certificate = certificate.map_err(|error| wrong(&error))?;
                roots.add(certificate).map_err(|error| wrong(&error))?;
            }
            if roots.is_empty() {
                return Err(wrong(&"it has no certificate"));
            }
        }
        let roots = Arc::new(roots);
        let settings = |version| -> Result<_, SourceError> {
            let provider = Arc::new(aws_lc_rs::default_provider());
            let settings = ClientConfig::builder_with_provider(provider)
                .with_protocol_versions(&[version])
                .map_err(|error| SourceError::Service(short(&error.to_string())))?
                .with_root_certificates(Arc::clone(&roots))
                .with_no_client_auth();
            Ok(Arc::new(settings))
        };
        let [first, second] = VERSIONS;
        Ok(Self([settings(first)?, settings(second)?]))
    }

    /// What a connection and those of its files are encrypted by, and the same for a server that refuses the first. Sessions
    /// are each one's own: a server knows those of other connections as little as those of strangers.
    pub(super) fn connectors(&self) -> [AsyncRustlsConnector; 2] {
        let connector = |settings: &Arc<ClientConfig>| {
            let mut settings = ClientConfig::clone(settings);
            settings.resumption = Resumption::in_memory_sessions(SESSIONS);
            TlsConnector::from(Arc::new(settings)).into()
        };
        let Self([first, second]) = self;
        [connector(first), connector(second)]
    }
}

/// Whether a server has refused a version.
pub(super) fn is_another_version(error: &str) -> bool {
    error.contains("received fatal alert: ProtocolVersion")
}
