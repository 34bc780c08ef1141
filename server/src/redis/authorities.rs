//! By whose word a Redis is believed that is spoken to by TLS.

use redis::TlsCertificates;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Certificates of authorities.
#[derive(Debug, Clone)]
pub struct Authorities(Vec<u8>);

/// Why no certificates can be had of a file.
#[derive(Debug, thiserror::Error)]
pub enum AuthoritiesError {
    /// There is none in it.
    #[error("it has no certificate")]
    None,
    /// It is no PEM.
    #[error(transparent)]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// One in it cannot be read.
    #[error(transparent)]
    Certificate(#[from] rustls::Error),
}

impl Authorities {
    /// Those of a file (PEM).
    pub fn of(pem: Vec<u8>) -> Result<Self, AuthoritiesError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            roots.add(certificate?)?;
        }
        if roots.is_empty() {
            return Err(AuthoritiesError::None);
        }
        Ok(Self(pem))
    }

    /// As connections are told of them.
    pub(super) fn certificates(&self) -> TlsCertificates {
        TlsCertificates {
            client_tls: None,
            root_cert: Some(self.0.clone()),
        }
    }
}
