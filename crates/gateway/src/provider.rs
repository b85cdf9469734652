//! Who answers: a server that speaks dialects, or someone within this process. A row of data; nothing is
//! sent from here.

use std::{fmt, sync::Arc};

use http::{HeaderName, HeaderValue, Uri};
use terms::{
    dialect::Dialect,
    ids::{ModelName, ProviderName},
};
use wire::{ErrorReply, Framing, Habits};

use crate::{
    credential::Credential, keyring::Keyring, limits::TimeLimits, provider_address::ProviderAddress,
};

/// Where a provider speaks a dialect.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// What is spoken there.
    pub dialect: Dialect,
    /// The full address of the call, path included.
    pub address: ProviderAddress,
    /// What is wanted there otherwise than at the dialect's own vendor.
    pub habits: Habits,
    /// Whose models are asked for there.
    pub serves: Serves,
    /// Sent with every call.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// Which models an endpoint is for. One that names its models serves them alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serves {
    /// Those that no other endpoint of its provider names.
    Others,
    /// Those whose names begin so.
    Starting(&'static str),
    /// Those whose names contain this.
    Containing(&'static str),
}

impl Endpoint {
    /// An endpoint like the dialect's own vendor's: at one address for all models, or below one where
    /// the dialect names the model in its path.
    pub fn at(dialect: Dialect, uri: Uri) -> Self {
        let address = ProviderAddress::of_dialect(dialect, uri);
        Self {
            dialect,
            address,
            habits: Habits::default(),
            serves: Serves::Others,
            headers: Vec::new(),
        }
    }

    fn is_meant_for(&self, model: &ModelName) -> bool {
        match self.serves {
            Serves::Others => false,
            Serves::Starting(part) => model.as_str().starts_with(part),
            Serves::Containing(part) => model.as_str().contains(part),
        }
    }

    /// The frame of the streams that come back.
    pub(crate) fn framing(&self) -> Framing {
        self.habits.envelope.framing().unwrap_or_else(|| Framing::of(self.dialect))
    }
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
        /// How it is asked in our name.
        keys: Keyring,
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

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Provider {
    /// The way for a caller of this dialect to a model: an endpoint of its own dialect where the
    /// provider has one for that model.
    pub(crate) fn way(&self, caller: Dialect, model: &ModelName, key: u8) -> Way<'_> {
        match &self.source {
            Source::InProcess(answerer) => Way::InProcess(&**answerer),
            Source::Remote { endpoints, keys } => {
                let meant = endpoints.iter().any(|endpoint| endpoint.is_meant_for(model));
                let mut serving = endpoints.iter().filter(|endpoint| {
                    if meant {
                        endpoint.is_meant_for(model)
                    } else {
                        endpoint.serves == Serves::Others
                    }
                });
                let same = serving.clone().find(|endpoint| endpoint.dialect == caller);
                let endpoint = same.or_else(|| serving.next()).or_else(|| endpoints.first());
                let endpoint = endpoint.expect("a remote provider has at least one endpoint");
                Way::Remote { endpoint, credential: keys.credential(key) }
            }
        }
    }

    /// Where it is called in this dialect, or else in another, for what stands beside its calls: one
    /// address, whatever the model, and the first key, because what lies there lies in its account.
    pub(crate) fn beside(
        &self,
        dialect: Dialect,
    ) -> Option<(&Endpoint, &Uri, Option<&Credential>)> {
        let Source::Remote { endpoints, keys } = &self.source else { return None };
        let mut fixed =
            endpoints.iter().filter_map(|endpoint| Some((endpoint, endpoint.address.as_fixed()?)));
        let same = fixed.clone().find(|(endpoint, _)| endpoint.dialect == dialect);
        let (endpoint, uri) = same.or_else(|| fixed.next())?;
        Some((endpoint, uri, keys.credential(0)))
    }

    /// The numbers of its keys.
    pub(crate) fn key_ids(&self) -> &[u64] {
        match &self.source {
            Source::InProcess(_) => &[],
            Source::Remote { keys, .. } => keys.ids(),
        }
    }

    /// Whether it answers within this process.
    pub fn is_in_process(&self) -> bool {
        matches!(self.source, Source::InProcess(_))
    }
}
