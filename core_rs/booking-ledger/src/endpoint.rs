//! Where the ledger is: the application's own address, `postgresql://…`, read as its driver reads it.
//!
//! `sslmode` is `disable`, `allow`, `prefer` (the default), `require`, `verify-ca` or `verify-full`. As with libpq the first
//! four believe any certificate; the last two believe those of `sslrootcert`, a PEM file that must be named, and
//! `verify-full` asks for the server's name as well. A password that the address does not name is taken from `PGPASSWORD`.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long one address may take to be reached.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// A server that acknowledges nothing for so long is away.
const SILENT_MAX: Duration = Duration::from_secs(15);

/// An address that is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the database's address is not understood: {0}")]
pub struct BadEndpoint(String);

/// Where to go and whom to believe.
#[derive(Clone)]
pub struct Endpoint {
    pub(crate) config: Config,
    pub(crate) tls: MakeRustlsConnect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Believed {
    Anybody,
    KnownIssuer,
    KnownIssuerAndName,
}

impl Endpoint {
    /// Reads an address. `application` is what the server calls the connection.
    ///
    /// # Errors
    /// Where it is not understood, or `sslrootcert` cannot be read.
    pub fn new(url: &str, application: &str) -> Result<Self, BadEndpoint> {
        let (address, asked) = without_tls(url)?;
        // The driver's own words would repeat the address, and with it a password.
        let mut config: Config = address
            .parse()
            .map_err(|_| BadEndpoint("no such form".to_owned()))?;
        let (mode, believed) = match asked.mode.as_str() {
            "disable" => (SslMode::Disable, Believed::Anybody),
            "" | "allow" | "prefer" => (SslMode::Prefer, Believed::Anybody),
            "require" => (SslMode::Require, Believed::Anybody),
            "verify-ca" => (SslMode::Require, Believed::KnownIssuer),
            "verify-full" => (SslMode::Require, Believed::KnownIssuerAndName),
            other => return Err(BadEndpoint(format!("sslmode {other}"))),
        };
        if config.get_password().is_none()
            && let Ok(password) = std::env::var("PGPASSWORD")
        {
            config.password(password);
        }
        config
            .ssl_mode(mode)
            .application_name(application)
            .connect_timeout(CONNECT_MAX)
            .tcp_user_timeout(SILENT_MAX);
        Ok(Self {
            config,
            tls: MakeRustlsConnect::new(client_config(believed, asked.root.as_deref())?),
        })
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    mode: String,
    root: Option<String>,
}

/// The address without what it says of TLS, of which the driver knows only a part.
fn without_tls(url: &str) -> Result<(String, Asked), BadEndpoint> {
    let mut asked = Asked::default();
    let Some((address, query)) = url.split_once('?') else {
        return Ok((url.to_owned(), asked));
    };
    let mut kept = Vec::new();
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("sslmode", mode)) => mode.clone_into(&mut asked.mode),
            Some(("sslrootcert", path)) => {
                let path = percent_encoding::percent_decode_str(path)
                    .decode_utf8()
                    .map_err(|_| BadEndpoint("sslrootcert".to_owned()))?;
                asked.root = Some(path.into_owned());
            }
            _ => kept.push(pair),
        }
    }
    let address = if kept.is_empty() {
        address.to_owned()
    } else {
        format!("{address}?{}", kept.join("&"))
    };
    Ok((address, asked))
}

fn client_config(believed: Believed, root: Option<&str>) -> Result<ClientConfig, BadEndpoint> {
    let provider = Arc::new(ring::default_provider());
    let issuers = match (believed, root) {
        (Believed::Anybody, _) => None,
        (_, None) => return Err(BadEndpoint("sslrootcert is missing".to_owned())),
        (_, Some(path)) => Some(issuers(path, &provider)?),
    };
    let verifier = Verifier {
        provider: Arc::clone(&provider),
        issuers,
        name_matters: believed == Believed::KnownIssuerAndName,
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| BadEndpoint(error.to_string()))?;
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

fn issuers(
    path: &str,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, BadEndpoint> {
    let bad = |what: String| BadEndpoint(format!("sslrootcert: {what}"));
    let mut roots = RootCertStore::empty();
    for certificate in
        CertificateDer::pem_file_iter(path).map_err(|error| bad(error.to_string()))?
    {
        let certificate = certificate.map_err(|error| bad(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| bad(error.to_string()))?;
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| bad(error.to_string()))
}

/// Believes certificates as libpq's `sslmode` says.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    /// None: anybody is believed, as long as they hold the key of what they show.
    issuers: Option<Arc<WebPkiServerVerifier>>,
    name_matters: bool,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(issuers) = &self.issuers else {
            return Ok(ServerCertVerified::assertion());
        };
        let verified =
            issuers.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            // The chain is judged before the name.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.name_matters => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
