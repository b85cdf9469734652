//! Access tokens of Google Cloud: from a file that something else keeps fresh, or exchanged for the key
//! of a service account or the refresh token of a person. A token is kept until shortly before its end;
//! one request fetches it while the others wait. No key and no token is ever printed.
//! Source: Google, "Using OAuth 2.0 for server to server applications".

use std::{fmt, path::PathBuf, time::Duration};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use serde::{Deserialize, Serialize};
use terms::{outcome::Failure, time::Timestamp};
use tokio::{sync::Mutex, time::Instant};
use wire::UpstreamError;

use crate::{early::Early, percent::escaped, upstream::Upstream};

/// Before its end a token is fetched anew, so that none ends on its way.
const BEFORE_ITS_END: Duration = Duration::from_mins(4);
/// A token from a file is read again after this.
const FILE_AGE: Duration = Duration::from_mins(1);
/// How long a signed request for a token holds; Google's longest.
const ASSERTION_S: i64 = 3_600;
/// Connecting to the token server.
const CONNECT: Duration = Duration::from_secs(5);
/// Bytes of the token server's answer at most.
const ANSWER_BYTES: usize = 64 << 10;
/// Characters of its refusals that are told.
const WORDS: usize = 300;
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const TOKEN_SERVER: &str = "https://oauth2.googleapis.com/token";

/// Why a file of Google credentials cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GoogleKeyError {
    /// Not the JSON that Google writes.
    #[error(
        "it is no key file of a service account and no file of application default credentials"
    )]
    Shape,
    /// The private key in it does not parse.
    #[error("its private key is no RSA key in PKCS#8")]
    Key,
    /// The address of its token server is none.
    #[error("its `token_uri` is no https address")]
    TokenUri,
}

/// Where tokens come from.
pub struct GoogleTokens {
    origin: Origin,
    kept: Mutex<Option<Kept>>,
}

enum Origin {
    File(PathBuf),
    Exchange { server: Uri, grant: Grant },
}

enum Grant {
    ServiceAccount { email: String, key_id: String, key: Box<RsaKeyPair> },
    Person { client_id: String, client_secret: String, refresh_token: String },
}

struct Kept {
    token: HeaderValue,
    until: Instant,
}

impl fmt::Debug for GoogleTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GoogleTokens(…)")
    }
}

/// A credentials file, as Google's console and command line write it.
#[derive(Deserialize)]
struct CredentialsFile {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    client_email: String,
    #[serde(default)]
    private_key_id: String,
    #[serde(default)]
    private_key: String,
    token_uri: Option<String>,
    #[serde(default)]
    client_id: String,
    #[serde(default)]
    client_secret: String,
    #[serde(default)]
    refresh_token: String,
}

#[derive(Serialize)]
struct JwtHeader<'a> {
    alg: &'static str,
    typ: &'static str,
    kid: &'a str,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'static str,
    aud: &'a str,
    iat: i64,
    exp: i64,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    expires_in: u64,
}

/// RFC 6749, section 5.2.
#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenRefusal {
    error: String,
    error_description: String,
}

impl GoogleTokens {
    /// Tokens from a file that holds nothing else and that something else keeps fresh.
    pub fn from_file(path: PathBuf) -> Self {
        Self { origin: Origin::File(path), kept: Mutex::default() }
    }

    /// Tokens for the credentials in this JSON.
    ///
    /// # Errors
    /// When it is not what Google writes.
    pub fn from_credentials(json: &str) -> Result<Self, GoogleKeyError> {
        let file: CredentialsFile =
            serde_json::from_str(json).map_err(|_| GoogleKeyError::Shape)?;
        let server = file.token_uri.as_deref().unwrap_or(TOKEN_SERVER);
        let server = server.parse::<Uri>().ok().filter(is_secure);
        let server = server.ok_or(GoogleKeyError::TokenUri)?;
        let grant = match file.kind.as_str() {
            "service_account" if !file.client_email.is_empty() => {
                let der = pkcs8(&file.private_key).ok_or(GoogleKeyError::Key)?;
                let key = RsaKeyPair::from_pkcs8(&der).map_err(|_| GoogleKeyError::Key)?;
                let (email, key_id) = (file.client_email, file.private_key_id);
                Grant::ServiceAccount { email, key_id, key: Box::new(key) }
            }
            "authorized_user" if !file.refresh_token.is_empty() => Grant::Person {
                client_id: file.client_id,
                client_secret: file.client_secret,
                refresh_token: file.refresh_token,
            },
            _ => return Err(GoogleKeyError::Shape),
        };
        Ok(Self { origin: Origin::Exchange { server, grant }, kept: Mutex::default() })
    }

    /// A token that is good now, as the header's value.
    pub(crate) async fn token(
        &self,
        upstream: &Upstream,
        wall: Timestamp,
    ) -> Result<HeaderValue, Early> {
        let mut kept = self.kept.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| Instant::now() < kept.until) {
            return Ok(kept.token.clone());
        }
        let (token, lasts) = match &self.origin {
            Origin::File(path) => {
                let read = tokio::fs::read_to_string(path).await;
                let text =
                    read.map_err(|_| refused("the file of the access token cannot be read"))?;
                (text.trim().to_owned(), FILE_AGE)
            }
            Origin::Exchange { server, grant } => {
                let answer = exchange(upstream, server, grant, wall).await?;
                let lasts = Duration::from_secs(answer.expires_in).saturating_sub(BEFORE_ITS_END);
                (answer.access_token, lasts)
            }
        };
        let token = HeaderValue::from_str(&format!("Bearer {token}"));
        let mut token = token.map_err(|_| refused("the access token holds odd characters"))?;
        token.set_sensitive(true);
        *kept = Some(Kept { token: token.clone(), until: Instant::now() + lasts });
        Ok(token)
    }
}

/// Keys travel under TLS, but for a token server on this machine, which tests and proxies are.
fn is_secure(uri: &Uri) -> bool {
    match uri.scheme_str() {
        Some("https") => uri.host().is_some(),
        Some("http") => matches!(uri.host(), Some("127.0.0.1" | "localhost" | "[::1]")),
        _ => false,
    }
}

async fn exchange(
    upstream: &Upstream,
    server: &Uri,
    grant: &Grant,
    wall: Timestamp,
) -> Result<TokenAnswer, Early> {
    let form = match grant {
        Grant::ServiceAccount { email, key_id, key } => {
            let assertion = assertion(email, key_id, key, server, wall.0 / 1000)
                .ok_or_else(|| refused("the service account's key cannot sign"))?;
            let kind = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
            format!("grant_type={kind}&assertion={assertion}")
        }
        Grant::Person { client_id, client_secret, refresh_token } => format!(
            "grant_type=refresh_token&client_id={}&client_secret={}&refresh_token={}",
            escaped(client_id, b""),
            escaped(client_secret, b""),
            escaped(refresh_token, b"")
        ),
    };
    let mut request = Request::new(Full::new(Bytes::from(form)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = server.clone();
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(header::CONTENT_TYPE, kind);
    let sent = upstream.send(request, CONNECT).await;
    let unreachable = || failed(Failure::Unreachable, "Google's token server cannot be reached");
    let response = sent.map_err(|_| unreachable())?;
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await;
    let body = body.map_err(|_| unreachable())?.to_bytes();
    if status.is_success() {
        return serde_json::from_slice(&body)
            .map_err(|_| failed(Failure::Malformed, "Google's token server sent no token"));
    }
    if status.is_server_error() {
        return Err(failed(Failure::Transient, "Google's token server failed"));
    }
    let said = serde_json::from_slice::<TokenRefusal>(&body).unwrap_or_default();
    // Its words name the account and the fault, never the key.
    let words = format!("{} {}", said.error, said.error_description);
    let words: String = words.chars().filter(|c| !c.is_control()).take(WORDS).collect();
    Err(refused(&format!("Google's token server refused the credentials: {}", words.trim())))
}

/// The signed request for a token (RFC 7523).
fn assertion(
    email: &str,
    key_id: &str,
    key: &RsaKeyPair,
    server: &Uri,
    now_s: i64,
) -> Option<String> {
    let header = JwtHeader { alg: "RS256", typ: "JWT", kid: key_id };
    let server = server.to_string();
    let exp = now_s + ASSERTION_S;
    let claims = Claims { iss: email, scope: SCOPE, aud: &server, iat: now_s, exp };
    let packed = |json: serde_json::Result<Vec<u8>>| Some(URL_SAFE_NO_PAD.encode(json.ok()?));
    let signed = format!(
        "{}.{}",
        packed(serde_json::to_vec(&header))?,
        packed(serde_json::to_vec(&claims))?
    );
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).ok()?;
    Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// What stands between the lines of a PEM private key.
fn pkcs8(pem: &str) -> Option<Vec<u8>> {
    let inside = pem.split("-----BEGIN PRIVATE KEY-----").nth(1)?;
    let inside = inside.split("-----END PRIVATE KEY-----").next()?;
    let packed: String = inside.chars().filter(|c| !c.is_whitespace()).collect();
    STANDARD.decode(packed).ok()
}

fn refused(sentence: &str) -> Early {
    failed(Failure::CredentialDead, sentence)
}

fn failed(failure: Failure, sentence: &str) -> Early {
    let said = UpstreamError { message: sentence.to_owned(), ..UpstreamError::default() };
    Early { said: Some(Box::new(said)), ..Early::of(failure) }
}
