//! The clouds that serve other vendors' models behind addresses and signatures of their own: Azure,
//! Amazon Bedrock, Google Vertex AI. From the keys of a `[[provider]]` and the usual environment to
//! endpoints and a credential; nothing is sent from here.

use std::{ops::Range, path::PathBuf};

use decide::resale::Reseller;
use gateway::{AwsKeys, Credential, Endpoint, GoogleTokens, Keyring, ProviderAddress, Serves};
use terms::dialect::Dialect;
use toml::Spanned;
use wire::{Envelope, Habits};

use crate::config::{
    environment::Environment,
    provider::{self, Remote},
    reader::{Findings, Section},
};

/// A cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cloud {
    Azure,
    Bedrock,
    Vertex,
}

/// What a `[[provider]]` says of a cloud.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    region: Option<Spanned<String>>,
    project: Option<Spanned<String>>,
    api_version: Option<Spanned<String>>,
    credentials_file: Option<Spanned<String>>,
    token_file: Option<Spanned<String>>,
    access_key_id: Option<Spanned<String>>,
    secret_access_key: Option<Spanned<String>>,
}

/// Where what is needed comes from.
pub(crate) struct Sources<'a> {
    pub(crate) name: &'a Spanned<String>,
    pub(crate) base_url: Option<&'a Spanned<String>>,
    /// One or several; `None` where the environment may have one.
    pub(crate) api_keys: Option<&'a [Spanned<String>]>,
    /// The dialects that the file allows; `None` for all that are spoken there.
    pub(crate) dialects: Option<&'a [Dialect]>,
    pub(crate) environment: &'a Environment,
    pub(crate) findings: &'a Findings,
}

impl Keys {
    pub(crate) fn read(section: &mut Section<'_, '_>) -> Self {
        Self {
            region: section.string("region"),
            project: section.string("project"),
            api_version: section.string("api_version"),
            credentials_file: section.string("credentials_file"),
            token_file: section.string("token_file"),
            access_key_id: section.string("access_key_id"),
            secret_access_key: section.string("secret_access_key"),
        }
    }

    /// What says with which keys requests are signed, if anything does.
    pub(crate) fn signing_key(&self) -> Option<&'static str> {
        let is_given = self.access_key_id.is_some() || self.secret_access_key.is_some();
        is_given.then_some("`access_key_id`")
    }

    /// Reports the keys that mean nothing for this provider; `None` is one that is no cloud.
    pub(crate) fn report_strays(&self, cloud: Option<Cloud>, findings: &Findings) {
        let read: &[&str] = match cloud {
            None => &[],
            Some(Cloud::Azure) => &["api_version"],
            Some(Cloud::Bedrock) => &["region", "access_key_id", "secret_access_key"],
            Some(Cloud::Vertex) => &["region", "project", "credentials_file", "token_file"],
        };
        for (key, given) in [
            ("region", &self.region),
            ("project", &self.project),
            ("api_version", &self.api_version),
            ("credentials_file", &self.credentials_file),
            ("token_file", &self.token_file),
            ("access_key_id", &self.access_key_id),
            ("secret_access_key", &self.secret_access_key),
        ] {
            if let Some(given) = given.as_ref().filter(|_| !read.contains(&key)) {
                let message = format!("`{key}` means nothing for this provider");
                let advice = "leave it out, or say whose server it is: `vendor = \"azure\"`, `\"bedrock\"` or `\"vertex\"`";
                findings.report(given.span(), message, advice);
            }
        }
    }
}

impl Cloud {
    pub(crate) const ALL: &[Cloud] = &[Cloud::Azure, Cloud::Bedrock, Cloud::Vertex];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Azure => "azure",
            Self::Bedrock => "bedrock",
            Self::Vertex => "vertex",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|cloud| cloud.name() == name)
    }

    /// Under whose names the catalog knows what it serves.
    pub(crate) fn reseller(self) -> Reseller {
        match self {
            Self::Azure => Reseller::Of("openai"),
            Self::Bedrock => Reseller::Bedrock,
            Self::Vertex => Reseller::Vertex,
        }
    }

    /// Whether it may be asked with any of several keys: a resource of Azure has two, Bedrock's API keys
    /// are as many as somebody made. Access tokens of Vertex AI end within the hour.
    pub(crate) fn takes_several(self) -> bool {
        matches!(self, Self::Azure | Self::Bedrock)
    }

    /// Whether the environment alone says that it is to be used: with a key that serves nothing else.
    pub(crate) fn is_in(self, environment: &Environment) -> bool {
        let set = |names: &[&str]| names.iter().any(|name| environment.get(name).is_some());
        match self {
            Self::Azure => set(&[AZURE_KEY, AZURE_TOKEN]) && set(&[AZURE_ADDRESS]),
            Self::Bedrock => set(&[BEDROCK_TOKEN]) && set(AWS_REGIONS),
            Self::Vertex => false,
        }
    }

    /// Endpoints and credential.
    pub(crate) fn connect(self, keys: &Keys, sources: &Sources<'_>) -> Remote {
        let remote = match self {
            Self::Azure => azure(keys, sources),
            Self::Bedrock => bedrock(keys, sources),
            Self::Vertex => vertex(keys, sources),
        };
        let spoken = |endpoint: &Endpoint| {
            sources.dialects.is_none_or(|allowed| allowed.contains(&endpoint.dialect))
        };
        let served = remote.endpoints.iter().map(|endpoint| endpoint.dialect.name());
        let served = served.collect::<Vec<_>>().join(", ");
        let known = !remote.endpoints.is_empty();
        let endpoints: Vec<_> = remote.endpoints.into_iter().filter(spoken).collect();
        if known && endpoints.is_empty() {
            sources.report(
                format!("provider `{}` speaks none of these dialects", sources.name.get_ref()),
                format!("leave `dialects` out; {} speaks {served}", self.name()),
            );
        }
        Remote { endpoints, keys: remote.keys }
    }
}

const AZURE_KEY: &str = "AZURE_OPENAI_API_KEY";
const AZURE_TOKEN: &str = "AZURE_OPENAI_AD_TOKEN";
const AZURE_ADDRESS: &str = "AZURE_OPENAI_ENDPOINT";
const BEDROCK_TOKEN: &str = "AWS_BEARER_TOKEN_BEDROCK";
const AWS_REGIONS: &[&str] = &["AWS_REGION", "AWS_DEFAULT_REGION"];
const VERTEX_PROJECTS: &[&str] =
    &["GOOGLE_CLOUD_PROJECT", "ANTHROPIC_VERTEX_PROJECT_ID", "VERTEXAI_PROJECT"];
const VERTEX_REGIONS: &[&str] = &["GOOGLE_CLOUD_LOCATION", "CLOUD_ML_REGION", "VERTEXAI_LOCATION"];

/// The v1 API names the deployment in the body and knows Responses; the older one names it in the path
/// and has a version (Microsoft, "Azure OpenAI API version lifecycle").
fn azure(keys: &Keys, sources: &Sources<'_>) -> Remote {
    let base = sources.base(AZURE_ADDRESS, || None).or_else(|| {
        sources.report(
            "an Azure provider needs the address of its resource".to_owned(),
            format!(
                "add `base_url = \"https://RESOURCE.openai.azure.com\"`, or set {AZURE_ADDRESS}"
            ),
        );
        None
    });
    let endpoints = base.map_or_else(Vec::new, |(base, at)| {
        let resource = base.trim_end_matches("/v1").trim_end_matches("/openai").to_owned();
        let Some(version) = &keys.api_version else {
            let base = format!("{resource}/openai/v1");
            let spoken = [Dialect::OpenaiResponses, Dialect::OpenaiChat];
            return spoken
                .into_iter()
                .filter_map(|dialect| {
                    provider::endpoint(&base, dialect, at.clone(), sources.findings)
                })
                .collect();
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if !version.get_ref().chars().all(plain) {
            sources.findings.report(
                version.span(),
                format!("`{}` is no version of Azure's API", version.get_ref()),
                "write a date such as \"2024-10-21\", or leave it out for the v1 API",
            );
        }
        let address = format!(
            "{resource}/openai/deployments/{{model}}/chat/completions?api-version={}",
            version.get_ref()
        );
        let usual = Habits::default();
        sources
            .of_model(Dialect::OpenaiChat, &address, &address, usual, Serves::Others, at)
            .into_iter()
            .collect()
    });
    let keys = sources.ring(&[AZURE_KEY], |key| Credential::header("api-key", key));
    let token = sources.environment.get(AZURE_TOKEN);
    let keys = keys
        .or_else(|| token.map(|token| sources.usable(Credential::bearer(token)).into()))
        .unwrap_or_else(|| sources.missing(&format!("set {AZURE_KEY}, or add `api_key`")).into());
    Remote { endpoints, keys }
}

/// Claude is asked in its own dialect, every other model in Converse.
fn bedrock(keys: &Keys, sources: &Sources<'_>) -> Remote {
    let region = sources.word(keys.region.as_ref(), AWS_REGIONS, "region");
    let host =
        || region.as_ref().map(|region| format!("https://bedrock-runtime.{region}.amazonaws.com"));
    let base = sources.base("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", host);
    if region.is_none() {
        sources.report(
            "an Amazon Bedrock provider needs its region".to_owned(),
            "add `region = \"eu-central-1\"`, or set AWS_REGION".to_owned(),
        );
    }
    let endpoints = base.map_or_else(Vec::new, |(base, at)| {
        let call = format!("{base}/model/{{model}}");
        let enveloped = Habits { envelope: Envelope::Bedrock, ..Habits::default() };
        let claude = sources.of_model(
            Dialect::AnthropicMessages,
            &format!("{call}/invoke"),
            &format!("{call}/invoke-with-response-stream"),
            enveloped,
            Serves::Containing("anthropic.claude"),
            at.clone(),
        );
        let any = sources.of_model(
            Dialect::BedrockConverse,
            &format!("{call}/converse"),
            &format!("{call}/converse-stream"),
            Habits::default(),
            Serves::Others,
            at,
        );
        claude.into_iter().chain(any).collect()
    });
    let keys = region.map_or_else(Keyring::default, |region| aws(keys, region, sources));
    Remote { endpoints, keys }
}

/// Keys that sign, or tokens: the file's before the environment's, tokens before keys.
fn aws(keys: &Keys, region: String, sources: &Sources<'_>) -> Keyring {
    if keys.signing_key().is_none()
        && let Some(tokens) = sources.ring(&[BEDROCK_TOKEN], Credential::bearer)
    {
        return tokens;
    }
    signing(keys, region, sources).into()
}

fn signing(keys: &Keys, region: String, sources: &Sources<'_>) -> Option<Credential> {
    let signed = |access_key_id: String, secret_access_key: String, session_token| {
        let keys = AwsKeys { access_key_id, secret_access_key, session_token, region };
        sources.usable(Credential::aws(keys))
    };
    let (id, secret) = (keys.access_key_id.as_ref(), keys.secret_access_key.as_ref());
    if let (Some(id), Some(secret)) = (id, secret) {
        let read = |key| provider::secret(key, sources.environment, sources.findings);
        return signed(read(id)?, read(secret)?, None);
    }
    if let Some(alone) = id.or(secret) {
        sources.findings.report(
            alone.span(),
            "`access_key_id` and `secret_access_key` belong together",
            "give both, or leave both out for AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        );
        return None;
    }
    let given = |name: &str| sources.environment.get(name).map(str::to_owned);
    match (given("AWS_ACCESS_KEY_ID"), given("AWS_SECRET_ACCESS_KEY")) {
        (Some(id), Some(secret)) => signed(id, secret, given("AWS_SESSION_TOKEN")),
        _ => sources.missing(&format!(
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or {BEDROCK_TOKEN}, or add `api_key` with a Bedrock API key"
        )),
    }
}

/// Claude and Gemini are asked in their own dialects, every other model at the OpenAI-compatible
/// endpoint, where names begin with their maker's.
fn vertex(keys: &Keys, sources: &Sources<'_>) -> Remote {
    let project = sources.word(keys.project.as_ref(), VERTEX_PROJECTS, "project");
    let region = sources.word(keys.region.as_ref(), VERTEX_REGIONS, "region");
    let region = region.unwrap_or_else(|| "global".to_owned());
    let host = || {
        Some(match region.as_str() {
            "global" => "https://aiplatform.googleapis.com".to_owned(),
            // Several regions at once.
            "us" | "eu" => format!("https://aiplatform.{region}.rep.googleapis.com"),
            _ => format!("https://{region}-aiplatform.googleapis.com"),
        })
    };
    let base = sources.base("VERTEX_BASE_URL", host);
    let Some(project) = project else {
        sources.report(
            "a Vertex AI provider needs its project".to_owned(),
            "add `project = \"my-project\"`, or set GOOGLE_CLOUD_PROJECT".to_owned(),
        );
        return Remote { endpoints: Vec::new(), keys: Keyring::default() };
    };
    let endpoints = base.map_or_else(Vec::new, |(base, at)| {
        let place = format!("{base}/v1/projects/{project}/locations/{region}");
        let call = format!("{place}/publishers/anthropic/models/{{model}}");
        let enveloped = Habits { envelope: Envelope::Vertex, ..Habits::default() };
        let claude = sources.of_model(
            Dialect::AnthropicMessages,
            &format!("{call}:rawPredict"),
            &format!("{call}:streamRawPredict"),
            enveloped,
            Serves::Starting("claude"),
            at.clone(),
        );
        let call = format!("{place}/publishers/google/models/{{model}}");
        let gemini = sources.of_model(
            Dialect::Gemini,
            &format!("{call}:generateContent"),
            &format!("{call}:streamGenerateContent?alt=sse"),
            Habits::default(),
            Serves::Starting("gemini"),
            at.clone(),
        );
        let any = provider::endpoint(
            &format!("{place}/endpoints/openapi"),
            Dialect::OpenaiChat,
            at,
            sources.findings,
        );
        claude.into_iter().chain(gemini).chain(any).collect()
    });
    Remote { endpoints, keys: google(keys, sources).into() }
}

/// A token as it is, from a file, or exchanged for the credentials in a file: the first that is given,
/// the config before the environment.
fn google(keys: &Keys, sources: &Sources<'_>) -> Option<Credential> {
    if let Some(path) = &keys.token_file {
        return Some(Credential::google(GoogleTokens::from_file(PathBuf::from(path.get_ref()))));
    }
    let fixed = |token: &str| sources.usable(Credential::bearer(token));
    let given = sources.secrets(&[]).and_then(|secrets| secrets.into_iter().next());
    if keys.credentials_file.is_none()
        && let Some(token) = given
    {
        return fixed(&token);
    }
    let environment = sources.environment;
    if keys.credentials_file.is_none()
        && let Some(token) = environment.get("GOOGLE_OAUTH_ACCESS_TOKEN")
    {
        return fixed(token);
    }
    let (path, at) = match &keys.credentials_file {
        Some(path) => (path.get_ref().clone(), path.span()),
        None => match environment.get("GOOGLE_APPLICATION_CREDENTIALS") {
            Some(path) => (path.to_owned(), sources.name.span()),
            None => {
                return sources.missing(
                    "add `credentials_file` with the key file of a service account, or set GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_OAUTH_ACCESS_TOKEN",
                );
            }
        },
    };
    let read = std::fs::read_to_string(&path).map_err(|failure| failure.to_string());
    let tokens = read.and_then(|json| {
        GoogleTokens::from_credentials(&json).map_err(|failure| failure.to_string())
    });
    match tokens {
        Ok(tokens) => Some(Credential::google(tokens)),
        Err(failure) => {
            let advice = "give the JSON file that Google's console wrote for a service account, or that `gcloud auth application-default login` did";
            let message = format!("the credentials in {path} cannot be used: {failure}");
            sources.findings.report(at, message, advice);
            None
        }
    }
}

impl Sources<'_> {
    fn report(&self, message: String, advice: String) {
        self.findings.report(self.name.span(), message, advice);
    }

    /// The base address: the file's, the environment's, the usual.
    fn base(
        &self,
        variable: &str,
        usual: impl FnOnce() -> Option<String>,
    ) -> Option<(String, Range<usize>)> {
        if let Some(url) = self.base_url {
            return Some((url.get_ref().trim_end_matches('/').to_owned(), url.span()));
        }
        let moved = self.environment.get(variable).map(str::to_owned);
        let base = moved.or_else(usual)?;
        Some((base.trim_end_matches('/').to_owned(), self.name.span()))
    }

    /// A word that stands in addresses: the file's or the environment's.
    fn word(
        &self,
        given: Option<&Spanned<String>>,
        variables: &[&str],
        what: &str,
    ) -> Option<String> {
        let (word, at) = match given {
            Some(given) => (given.get_ref().clone(), given.span()),
            None => {
                let found = variables.iter().find_map(|variable| self.environment.get(variable))?;
                (found.to_owned(), self.name.span())
            }
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "-:.".contains(c);
        if word.is_empty() || !word.chars().all(plain) {
            self.findings.report(
                at,
                format!("`{word}` is no {what}"),
                "use letters, digits and dashes".to_owned(),
            );
            return None;
        }
        Some(word)
    }

    /// The secrets of the file, or of the first variable that is set; `None` where there is neither.
    fn secrets(&self, variables: &[&str]) -> Option<Vec<String>> {
        match self.api_keys {
            Some(keys) => Some(provider::read_all(keys, self.environment, self.findings)),
            None => {
                let found = variables.iter().find_map(|name| self.environment.get(name))?;
                Some(vec![found.to_owned()])
            }
        }
    }

    /// The keys with these secrets.
    fn ring(
        &self,
        variables: &[&str],
        shown: impl Fn(&str) -> Result<Credential, http::header::InvalidHeaderValue>,
    ) -> Option<Keyring> {
        let secrets = self.secrets(variables)?;
        let usable = secrets.iter().filter_map(|secret| self.usable(shown(secret)));
        Some(Keyring::new(usable.collect()))
    }

    fn usable(
        &self,
        credential: Result<Credential, http::header::InvalidHeaderValue>,
    ) -> Option<Credential> {
        provider::usable(credential, self.name, self.findings)
    }

    fn missing(&self, advice: &str) -> Option<Credential> {
        let message = format!("provider `{}` has no credential", self.name.get_ref());
        // Where keys stand but cannot be read, that was reported already.
        if self.api_keys.is_none() {
            self.report(message, advice.to_owned());
        }
        None
    }

    /// An endpoint whose address names the model.
    fn of_model(
        &self,
        dialect: Dialect,
        whole: &str,
        streamed: &str,
        habits: Habits,
        serves: Serves,
        at: Range<usize>,
    ) -> Option<Endpoint> {
        let usable = ProviderAddress::of_model(whole, streamed).filter(|_| !whole.contains('@'));
        let Some(address) = usable else {
            provider::report_address(whole, at, self.findings);
            return None;
        };
        Some(Endpoint { dialect, address, habits, serves, headers: Vec::new() })
    }
}
