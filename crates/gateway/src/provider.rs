//! Who answers: a server that speaks dialects, or someone within this process. A row of data; nothing is
//! sent from here.

use std::{fmt, sync::Arc};

use http::{HeaderValue, Uri};
use terms::{
    dialect::Dialect,
    ids::{ModelName, ProviderName},
};
use wire::ErrorReply;

use crate::limits::TimeLimits;

/// Where a provider speaks a dialect.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// What is spoken there.
    pub dialect: Dialect,
    /// The full address of the call, path included.
    pub uri: Uri,
}

/// Someone who answers. A row of data.
#[derive(Clone)]
pub struct Provider {
    /// Its name.
    pub name: ProviderName,
    /// Where its answers come from.
    pub source: Source,
    /// How long it may take.
    pub limits: TimeLimits,
}

/// Where a provider's answers come from.
#[derive(Clone)]
pub enum Source {
    /// A server.
    Remote {
        /// In order of preference; the caller's own dialect comes first where it is among them.
        endpoints: Vec<Endpoint>,
        /// Ready for the header that each dialect wants; `None` for an open server.
        credential: Option<Credential>,
    },
    /// This process.
    InProcess(Arc<dyn Answerer>),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Remote { .. } => "Remote(…)",
            Self::InProcess(_) => "InProcess(…)",
        })
    }
}

/// Someone within this process who answers plain questions: students, a recording.
pub trait Answerer: fmt::Debug + Send + Sync {
    /// Answers one question in microseconds, or leaves it to the next target of the route with the
    /// error that its caller is told where there is no next one. It runs on a thread that serves
    /// requests: it must neither wait nor compute for long.
    fn answer(&self, model: &ModelName, question: &str) -> Result<String, Box<ErrorReply>>;
}

/// How one attempt reaches its provider.
#[derive(Clone, Copy)]
pub(crate) enum Way<'a> {
    Remote { endpoint: &'a Endpoint, credential: Option<&'a Credential> },
    InProcess(&'a dyn Answerer),
}

/// A provider's secret. Never printed.
#[derive(Clone)]
pub struct Credential {
    pub(crate) bearer: HeaderValue,
    pub(crate) plain: HeaderValue,
}

impl Credential {
    /// Takes the secret.
    ///
    /// # Errors
    /// When it holds characters that no header can carry.
    pub fn new(secret: &str) -> Result<Self, http::header::InvalidHeaderValue> {
        let mut bearer = HeaderValue::from_str(&format!("Bearer {secret}"))?;
        let mut plain = HeaderValue::from_str(secret)?;
        bearer.set_sensitive(true);
        plain.set_sensitive(true);
        Ok(Self { bearer, plain })
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(…)")
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Provider {
    /// The way for a caller of this dialect: an endpoint of its own where the provider has one.
    pub(crate) fn way(&self, caller: Dialect) -> Way<'_> {
        match &self.source {
            Source::InProcess(answerer) => Way::InProcess(&**answerer),
            Source::Remote { endpoints, credential } => {
                let same = endpoints.iter().find(|endpoint| endpoint.dialect == caller);
                let endpoint = same.or_else(|| endpoints.first());
                let endpoint = endpoint.expect("a remote provider has at least one endpoint");
                Way::Remote { endpoint, credential: credential.as_ref() }
            }
        }
    }

    /// Whether it answers within this process.
    pub fn is_in_process(&self) -> bool {
        matches!(self.source, Source::InProcess(_))
    }
}
