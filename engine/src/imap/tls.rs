//! TLS for a mail connection: the platform's trust, or one pinned certificate.
//! Never trusts a certificate because somebody clicked: a pin is a decision written into the location.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use malote_plan::failure::{Class, Reach, Retry};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme,
};

use super::connection::Wire;
use super::endpoint::{Endpoint, hex};
use crate::failure::{Failure, Result};

/// What TLS came to.
#[derive(Debug, Clone, Serialize)]
pub struct TlsFacts {
    /// `TLSv1_3`
    pub version: String,
    /// The cipher suite.
    pub cipher: String,
    /// SHA-256 of the server's certificate, in hex.
    pub certificate_sha256: String,
}

/// TLS ready for one endpoint.
pub(super) struct Tls {
    connector: TlsConnector,
    check: Arc<CertificateCheck>,
}

impl Tls {
    /// Reads the trusted certificates; slow enough to be done once for each pool.
    pub fn new(endpoint: &Endpoint) -> Result<Self> {
        let provider = Arc::new(ring::default_provider());
        let inner = if endpoint.location.pin.is_some() { None } else { Some(platform(endpoint, &provider)?) };
        let check = Arc::new(CertificateCheck {
            pin: endpoint.location.pin,
            inner,
            provider: Arc::clone(&provider),
            seen: Mutex::new(None),
        });
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| trust_failure(endpoint, "no TLS version can be used").because(error))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&check) as Arc<dyn ServerCertVerifier>)
            .with_no_client_auth();
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), check })
    }

    /// Puts TLS over a wire.
    pub async fn wrap(&self, endpoint: &Endpoint, wire: Box<dyn Wire>) -> Result<(Box<dyn Wire>, TlsFacts)> {
        let host = &endpoint.location.host;
        let name = ServerName::try_from(host.clone()).map_err(|error| {
            trust_failure(endpoint, "the host is no name that a certificate can hold").because(error)
        })?;
        let stream = tokio::time::timeout(endpoint.connect_max, self.connector.connect(name, wire)).await;
        let stream = stream
            .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
            .map_err(|error| self.refused(endpoint, error))?;
        let session = stream.get_ref().1;
        let facts = TlsFacts {
            version: session.protocol_version().map(|version| format!("{version:?}")).unwrap_or_default(),
            cipher: session
                .negotiated_cipher_suite()
                .map(|suite| format!("{:?}", suite.suite()))
                .unwrap_or_default(),
            certificate_sha256: self.check.seen().map(|seen| hex(&seen)).unwrap_or_default(),
        };
        Ok((Box::new(stream), facts))
    }

    fn refused(&self, endpoint: &Endpoint, error: std::io::Error) -> Failure {
        let place = format!("{}:{}", endpoint.location.host, endpoint.location.port);
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
        match tls {
            Some(TlsError::InvalidCertificate(_)) => {
                let seen = self.check.seen().map(|seen| hex(&seen)).unwrap_or_default();
                let advice = if endpoint.location.pin.is_some() {
                    format!("it is not the pinned one; the server shows sha256:{seen}")
                } else {
                    format!(
                        "if it is the right server all the same, add ?pin=sha256:{seen} to this side's location"
                    )
                };
                trust_failure(endpoint, &format!("the certificate of {place} is not to be trusted; {advice}"))
                    .because(error)
            }
            Some(_) => {
                let message =
                    format!("no TLS with {place}; check the port (993 speaks TLS at once, 143 by STARTTLS)");
                let class = Class::TlsRequired;
                Failure::new(endpoint.side, class, Reach::Account, Retry::Never, message).because(error)
            }
            None => {
                Failure::net(endpoint.side, format!("the connection to {place} was lost while TLS began"))
                    .because(error)
            }
        }
    }
}

fn trust_failure(endpoint: &Endpoint, message: &str) -> Failure {
    Failure::new(endpoint.side, Class::TlsUntrusted, Reach::Account, Retry::Never, message)
}

fn platform(endpoint: &Endpoint, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>> {
    let roots: std::result::Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(&endpoint.extra_roots).collect();
    let roots = roots.map_err(|error| {
        trust_failure(endpoint, "the extra trusted certificates are no PEM").because(error.to_string())
    })?;
    let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(roots, Arc::clone(provider));
    let verifier = verifier.map_err(|error| {
        trust_failure(endpoint, "this machine's trusted certificates cannot be read").because(error)
    })?;
    Ok(Arc::new(verifier))
}

/// Looks at the server's certificate and remembers which it was.
struct CertificateCheck {
    pin: Option<[u8; 32]>,
    inner: Option<Arc<dyn ServerCertVerifier>>,
    provider: Arc<CryptoProvider>,
    seen: Mutex<Option<[u8; 32]>>,
}

impl CertificateCheck {
    fn seen(&self) -> Option<[u8; 32]> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for CertificateCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CertificateCheck")
    }
}

impl ServerCertVerifier for CertificateCheck {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, TlsError> {
        let fingerprint: [u8; 32] = Sha256::digest(end_entity).into();
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(fingerprint);
        match (self.pin, &self.inner) {
            (Some(pin), _) if pin == fingerprint => Ok(ServerCertVerified::assertion()),
            (None, Some(inner)) => {
                inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
            _ => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
