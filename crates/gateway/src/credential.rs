//! A provider's secret and how it is shown: as data, chosen when the config is read, so that nothing on
//! the way of a request knows one vendor from another. Never printed.

use std::{fmt, sync::Arc};

use decide::spray;
use http::{HeaderName, HeaderValue, Request, header};
use terms::{dialect::Dialect, outcome::Failure, time::Timestamp};
use tokio::time::{Instant, timeout_at};

use crate::{
    early::Early,
    gateway::Gateway,
    google::GoogleTokens,
    sigv4::{AwsKeys, Signed, sign},
};

/// The service that a signature for Amazon Bedrock names; its runtime, too.
const BEDROCK: &str = "bedrock";

/// A provider's secret. Never printed.
#[derive(Clone)]
pub struct Credential {
    shown: Authorization,
    /// Tells it apart from its provider's other keys, also after a reload. Says nothing about it.
    id: u64,
}

/// How a secret is shown.
#[derive(Clone)]
enum Authorization {
    /// In the header that each dialect's own vendor reads.
    OfDialect { bearer: HeaderValue, plain: HeaderValue },
    /// As `authorization: Bearer …`, whatever is spoken.
    Bearer(HeaderValue),
    /// Bare in a header of another name.
    Header(HeaderName, HeaderValue),
    /// As a signature over each request.
    SigV4 { keys: Arc<AwsKeys>, token: Option<HeaderValue> },
    /// As an access token that is fetched when it is needed.
    Google(Arc<GoogleTokens>),
}

impl Credential {
    /// A secret for the header that the dialect's own vendor reads.
    ///
    /// # Errors
    /// When it holds characters that no header can carry, here and below.
    pub fn new(secret: &str) -> Result<Self, header::InvalidHeaderValue> {
        let (bearer, plain) = (secret_value(&format!("Bearer {secret}"))?, secret_value(secret)?);
        Ok(Self::of(Authorization::OfDialect { bearer, plain }, secret))
    }

    /// A secret for `authorization: Bearer …`, whatever is spoken.
    ///
    /// # Errors
    /// As [`Credential::new`].
    pub fn bearer(secret: &str) -> Result<Self, header::InvalidHeaderValue> {
        let bearer = secret_value(&format!("Bearer {secret}"))?;
        Ok(Self::of(Authorization::Bearer(bearer), secret))
    }

    /// A secret that stands bare in a header of this name.
    ///
    /// # Errors
    /// As [`Credential::new`].
    pub fn header(name: &'static str, secret: &str) -> Result<Self, header::InvalidHeaderValue> {
        let shown = Authorization::Header(HeaderName::from_static(name), secret_value(secret)?);
        Ok(Self::of(shown, secret))
    }

    /// Keys that sign each request to Amazon Bedrock.
    ///
    /// # Errors
    /// As [`Credential::new`].
    pub fn aws(keys: AwsKeys) -> Result<Self, header::InvalidHeaderValue> {
        secret_value(&keys.access_key_id)?;
        secret_value(&keys.region)?;
        let token = keys.session_token.as_deref().map(secret_value).transpose()?;
        let id = keys.access_key_id.clone();
        Ok(Self::of(Authorization::SigV4 { keys: Arc::new(keys), token }, &id))
    }

    /// Access tokens of Google Cloud.
    pub fn google(tokens: GoogleTokens) -> Self {
        Self::of(Authorization::Google(Arc::new(tokens)), "")
    }

    fn of(shown: Authorization, secret: &str) -> Self {
        Self { shown, id: spray::hash(secret.as_bytes()) }
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Puts it on a request whose address, headers and body are final. What has to be fetched first is
    /// fetched until then.
    pub(crate) async fn show<B>(
        &self,
        request: &mut Request<B>,
        body: &[u8],
        dialect: Dialect,
        gateway: &Gateway,
        until: Instant,
    ) -> Result<(), Early> {
        let (name, value) = match &self.shown {
            Authorization::OfDialect { plain, .. } if dialect == Dialect::AnthropicMessages => {
                (HeaderName::from_static("x-api-key"), plain.clone())
            }
            Authorization::OfDialect { plain, .. } if dialect == Dialect::Gemini => {
                (HeaderName::from_static("x-goog-api-key"), plain.clone())
            }
            Authorization::OfDialect { bearer, .. } | Authorization::Bearer(bearer) => {
                (header::AUTHORIZATION, bearer.clone())
            }
            Authorization::Header(name, value) => (name.clone(), value.clone()),
            Authorization::SigV4 { keys, token } => {
                sign_with(request, body, keys, token.clone(), gateway.wall());
                return Ok(());
            }
            Authorization::Google(tokens) => {
                // Boxed, because it is rare: the future of an ordinary answer stays small.
                let token = Box::pin(tokens.token(&gateway.upstream, gateway.wall()));
                let token = timeout_at(until, token).await;
                (header::AUTHORIZATION, token.map_err(|_| Early::of(Failure::TimedOut))??)
            }
        };
        request.headers_mut().insert(name, value);
        Ok(())
    }
}

fn sign_with<B>(
    request: &mut Request<B>,
    body: &[u8],
    keys: &AwsKeys,
    token: Option<HeaderValue>,
    wall: Timestamp,
) {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let signature = sign(
        &Signed {
            method: request.method().as_str(),
            uri: request.uri(),
            content_type: kind.and_then(|kind| kind.to_str().ok()),
            body,
            service: BEDROCK,
        },
        keys,
        wall,
    );
    let headers = request.headers_mut();
    let value = |text: &str| HeaderValue::from_str(text).expect("checked when it was read");
    let mut authorization = value(&signature.authorization);
    authorization.set_sensitive(true);
    headers.insert(header::AUTHORIZATION, authorization);
    headers.insert("x-amz-date", value(&signature.date));
    if let Some(token) = token {
        headers.insert("x-amz-security-token", token);
    }
}

fn secret_value(secret: &str) -> Result<HeaderValue, header::InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(secret)?;
    value.set_sensitive(true);
    Ok(value)
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(…)")
    }
}
