//! The section `[[provider]]`: a server that speaks dialects, or recorded answers. Problems go to the
//! findings; a section with problems still gives what it can.

use std::{ops::Range, path::Path, sync::Arc};

use decide::resale::Reseller;
use gateway::{Credential, Endpoint, Keyring, TimeLimits};
use http::{HeaderName, HeaderValue, Uri, header::InvalidHeaderValue};
use terms::dialect::Dialect;
use toml::Spanned;

use crate::{
    config::{
        clouds::{self, Cloud, Sources},
        environment::Environment,
        reader::{Findings, Section, nearest},
        sections::{Durations, times},
        vendors::{VENDORS, Vendor, vendor},
    },
    recording::Recording,
    students::STUDENTS,
};

/// Keys of one provider at most.
const MOST_KEYS: usize = 32;

/// A provider as the file gives it, checked.
#[derive(Debug, Clone)]
pub(crate) struct ProviderSection {
    pub(crate) name: String,
    pub(crate) span: Range<usize>,
    pub(crate) answers: Answers,
    pub(crate) limits: TimeLimits,
    /// `free = true`: nothing that it answers costs anything.
    pub(crate) free: bool,
    /// Under whose names the catalog knows its models, where it is not listed itself.
    pub(crate) reseller: Option<Reseller>,
}

/// Where a provider's answers come from.
#[derive(Debug, Clone)]
pub(crate) enum Answers {
    Remote(Remote),
    Recorded(Arc<Recording>),
}

/// A server, as it is called.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) keys: Keyring,
}

pub(crate) fn provider(
    mut section: Section<'_, '_>,
    defaults: &Durations,
    environment: &Environment,
    findings: &Findings,
) -> Option<ProviderSection> {
    let span = section.span();
    let name = section.required("name", "\"anthropic\"");
    let whose = section.string("vendor");
    let base_url = section.string("base_url");
    let dialects = section.strings("dialects");
    let key = section.string("api_key");
    let keys = section.strings("api_keys").map(|list| (section.place("api_keys"), list));
    let free = section.boolean("free");
    let cloud_keys = clouds::Keys::read(&mut section);
    let recordings = section.strings("recordings");
    let input = section.string("input");
    let answer = section.string("answer");
    let limits = times(&mut section, defaults.times);
    section.finish();
    let name = name?;
    if name.get_ref().is_empty() || name.get_ref().contains(['/', '*', ' ']) {
        findings.report(
            name.span(),
            format!("`{}` is no name for a provider", name.get_ref()),
            "use letters, digits and dashes",
        );
        return None;
    }
    if name.get_ref() == STUDENTS {
        findings.report(
            name.span(),
            format!("`{STUDENTS}` is the name of the students that are deployed here"),
            "give the provider another name",
        );
        return None;
    }
    if let Some(files) = recordings {
        for (key, at) in [
            ("base_url", base_url.as_ref().map(Spanned::span)),
            ("api_key", key.as_ref().map(Spanned::span)),
            ("api_keys", keys.as_ref().and_then(|(at, _)| at.clone())),
            ("dialects", dialects.is_some().then(|| span.clone())),
            ("vendor", whose.as_ref().map(Spanned::span)),
        ] {
            if let Some(at) = at {
                let message = format!("`{key}` means nothing beside `recordings`");
                findings.report(at, message, "a recording speaks every dialect and is asked within this process; leave it out");
            }
        }
        cloud_keys.report_strays(None, findings);
        let recording = recording(&files, input, answer, findings)?;
        let answers = Answers::Recorded(Arc::new(recording));
        // What was recorded is paid for; a [[price]] stands above this.
        let (free, reseller) = (true, None);
        return Some(ProviderSection {
            name: name.into_inner(),
            span,
            answers,
            limits,
            free,
            reseller,
        });
    }
    for (key, given) in [("input", input), ("answer", answer)] {
        if let Some(given) = given {
            let message = format!("`{key}` means nothing without `recordings`");
            findings.report(
                given.span(),
                message,
                "add `recordings = [\"answers.jsonl\"]`, or leave it out",
            );
        }
    }
    let vendor_name = whose.as_ref().unwrap_or(&name);
    let cloud = Cloud::from_name(vendor_name.get_ref());
    let known = vendor(vendor_name.get_ref());
    if let Some(whose) = whose.as_ref().filter(|_| cloud.is_none() && known.is_none()) {
        report_unknown_vendor(whose, findings);
    }
    cloud_keys.report_strays(cloud, findings);
    if let Some(key) = key.as_ref().filter(|_| cloud == Some(Cloud::Bedrock))
        && let Some(signing) = cloud_keys.signing_key()
    {
        let message = format!("`api_key` and {signing} stand together, and only one would be used");
        findings.report(key.span(), message, "leave one of them out");
    }
    let keys = keys.map(|(at, list)| {
        let single = cloud.filter(|cloud| !cloud.takes_several()).map(Cloud::name);
        let beside = key.is_some().then_some("`api_key`").or(cloud_keys.signing_key()).or(single);
        several(list, at.unwrap_or_else(|| span.clone()), beside, findings)
    });
    let spoken = dialects.as_ref().map(|names| {
        names.iter().filter_map(|name| dialect(name, findings)).collect::<Vec<Dialect>>()
    });
    if dialects.as_ref().is_some_and(Vec::is_empty) {
        let message = format!("provider `{}` speaks no dialect", name.get_ref());
        findings.report(span.clone(), message, dialect_advice());
    }
    let keys = keys.as_deref().or(key.as_ref().map(std::slice::from_ref));
    let remote = match cloud {
        Some(cloud) => cloud.connect(
            &cloud_keys,
            &Sources {
                name: &name,
                base_url: base_url.as_ref(),
                api_keys: keys,
                dialects: spoken.as_deref(),
                environment,
                findings,
            },
        ),
        None => {
            let given = Given { name: &name, base_url: base_url.as_ref(), keys };
            server(&given, spoken, known, environment, findings)
        }
    };
    let other = whose.as_ref().is_some_and(|whose| whose.get_ref() != name.get_ref());
    let reseller = cloud
        .map(Cloud::reseller)
        .or_else(|| known.filter(|_| other).map(|vendor| Reseller::Of(vendor.name)));
    let free = free.unwrap_or_else(|| known.is_some_and(|vendor| vendor.is_local));
    let answers = Answers::Remote(remote);
    Some(ProviderSection { name: name.into_inner(), span, answers, limits, free, reseller })
}

fn report_unknown_vendor(whose: &Spanned<String>, findings: &Findings) {
    let names = VENDORS.iter().map(|vendor| vendor.name);
    let names = names.chain(Cloud::ALL.iter().map(|cloud| cloud.name()));
    let advice = nearest(whose.get_ref(), names).map_or_else(
        || {
            "leave it out and add `base_url`; the guide to configuration lists the known vendors"
                .to_owned()
        },
        |near| format!("did you mean `{near}`?"),
    );
    findings.report(whose.span(), format!("no vendor `{}` is known", whose.get_ref()), advice);
}

/// A recording of answers; every problem of its files with its line.
fn recording(
    files: &[Spanned<String>],
    input: Option<Spanned<String>>,
    answer: Option<Spanned<String>>,
    findings: &Findings,
) -> Option<Recording> {
    let input = input.map_or_else(|| "/input".to_owned(), Spanned::into_inner);
    let answer = answer.map_or_else(|| "/answer".to_owned(), Spanned::into_inner);
    let mut recording = Recording::default();
    let mut whole = true;
    for file in files {
        if let Err(failure) = recording.read(Path::new(file.get_ref()), &input, &answer) {
            let advice =
                "give JSON lines; `input` and `answer` are JSON pointers such as \"/text\"";
            findings.report(file.span(), format!("`{}`: {failure}", file.get_ref()), advice);
            whole = false;
        }
    }
    whole.then_some(recording)
}

/// What the file says of a server.
struct Given<'a> {
    name: &'a Spanned<String>,
    base_url: Option<&'a Spanned<String>>,
    /// One or several; `None` where the environment may have one.
    keys: Option<&'a [Spanned<String>]>,
}

/// Endpoints and credential of a provider that is a server.
fn server(
    given: &Given<'_>,
    spoken: Option<Vec<Dialect>>,
    known: Option<&'static Vendor>,
    environment: &Environment,
    findings: &Findings,
) -> Remote {
    let Given { name, base_url, keys } = *given;
    let base = match (base_url, known) {
        (Some(url), _) => Some((url.get_ref().clone(), url.span())),
        (None, Some(vendor)) => {
            let moved = environment.get(vendor.address_variable).unwrap_or(vendor.base_url);
            Some((moved.to_owned(), name.span()))
        }
        (None, None) => {
            report_no_address(name, findings);
            None
        }
    };
    let endpoints = base.map_or_else(Vec::new, |(url, at)| {
        let usual = || match known {
            Some(vendor) => vendor.dialects_at(&url).to_vec(),
            None => vec![Dialect::OpenaiChat],
        };
        let spoken = spoken.unwrap_or_else(usual);
        vendor_endpoints(&url, &spoken, known, &at, findings)
    });
    let secrets: Vec<String> = match keys {
        Some(keys) => read_all(keys, environment, findings),
        None => {
            let variables = known.map_or(&[][..], |vendor| vendor.key_variables);
            let found = variables.iter().find_map(|variable| environment.get(variable));
            let needed = known.is_some_and(|vendor| !vendor.is_local) && base_url.is_none();
            if found.is_none() && needed {
                let advice = format!(
                    "set the environment variable {}, or add `api_key = \"env:NAME\"` or `\"file:PATH\"`",
                    variables.join(" or ")
                );
                let message = format!("provider `{}` has no credential", name.get_ref());
                findings.report(name.span(), message, advice);
            }
            found.map(str::to_owned).into_iter().collect()
        }
    };
    let credentials =
        secrets.iter().filter_map(|secret| usable(Credential::new(secret), name, findings));
    Remote { endpoints, keys: Keyring::new(credentials.collect()) }
}

/// `api_keys`; none where it cannot be used.
fn several(
    list: Vec<Spanned<String>>,
    at: Range<usize>,
    beside: Option<&str>,
    findings: &Findings,
) -> Vec<Spanned<String>> {
    if let Some(beside) = beside {
        let message = format!("`api_keys` means nothing beside {beside}");
        let advice = "write all keys into `api_keys` alone; of Vertex AI, and with keys that sign for AWS, a provider has one credential, and a second one is a provider of its own";
        findings.report(at, message, advice);
        return Vec::new();
    }
    if list.is_empty() || list.len() > MOST_KEYS {
        let message = format!("`api_keys` holds {} keys", list.len());
        let advice = format!("give from 1 to {MOST_KEYS}, such as [\"env:FIRST\", \"env:SECOND\"]");
        findings.report(at, message, advice);
        return Vec::new();
    }
    list
}

/// The secrets of keys; one that stands there twice would be thought to be two.
pub(crate) fn read_all(
    keys: &[Spanned<String>],
    environment: &Environment,
    findings: &Findings,
) -> Vec<String> {
    let mut secrets = Vec::new();
    for key in keys {
        let Some(read) = secret(key, environment, findings) else { continue };
        if secrets.contains(&read) {
            let advice = "give each key once; its limits do not grow by naming it again";
            findings.report(key.span(), "this is the same key as one before it", advice);
            continue;
        }
        secrets.push(read);
    }
    secrets
}

fn report_no_address(name: &Spanned<String>, findings: &Findings) {
    let names = VENDORS.iter().map(|vendor| vendor.name);
    let names = names.chain(Cloud::ALL.iter().map(|cloud| cloud.name()));
    let advice = nearest(name.get_ref(), names).map_or_else(
        || "add `base_url = \"http://…/v1\"` and `dialects = [\"openai-chat\"]`".to_owned(),
        |near| format!("did you mean `{near}`? Otherwise add `base_url = \"http://…/v1\"`"),
    );
    let message = format!(
        "provider `{}` has no `base_url` and is no vendor that is known here",
        name.get_ref()
    );
    findings.report(name.span(), message, advice);
}

/// The endpoints of a vendor's server, with its habits.
pub(crate) fn vendor_endpoints(
    base: &str,
    spoken: &[Dialect],
    vendor: Option<&Vendor>,
    at: &Range<usize>,
    findings: &Findings,
) -> Vec<Endpoint> {
    let mut endpoints: Vec<Endpoint> = spoken
        .iter()
        .filter_map(|dialect| endpoint(base, *dialect, at.clone(), findings))
        .collect();
    for endpoint in &mut endpoints {
        let Some(vendor) = vendor else { continue };
        let headers = vendor.headers.iter();
        endpoint.headers = headers
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        endpoint.habits = vendor.habits;
    }
    endpoints
}

/// The credential, where its secret can stand in a header.
pub(crate) fn usable(
    credential: Result<Credential, InvalidHeaderValue>,
    name: &Spanned<String>,
    findings: &Findings,
) -> Option<Credential> {
    let credential = credential.ok();
    if credential.is_none() {
        findings.report(
            name.span(),
            format!(
                "the key of provider `{}` holds characters that no header can carry",
                name.get_ref()
            ),
            "check the variable or file for line ends and quotes",
        );
    }
    credential
}

fn dialect(name: &Spanned<String>, findings: &Findings) -> Option<Dialect> {
    let dialect = Dialect::from_name(name.get_ref());
    if dialect.is_none() {
        findings.report(
            name.span(),
            format!("unknown dialect `{}`", name.get_ref()),
            dialect_advice(),
        );
    }
    dialect
}

fn dialect_advice() -> String {
    let all = Dialect::ALL.iter().chain(Dialect::OF_PROVIDERS);
    let names: Vec<_> = all.map(|dialect| dialect.name()).collect();
    format!("known dialects: {}", names.join(", "))
}

/// The full address of a dialect's call below a base address. Both habits are understood: with and
/// without `/v1` at the end of an Anthropic base address.
pub(crate) fn endpoint(
    base: &str,
    dialect: Dialect,
    at: Range<usize>,
    findings: &Findings,
) -> Option<Endpoint> {
    let base = base.trim_end_matches('/');
    let address = match dialect {
        Dialect::OpenaiChat => format!("{base}/chat/completions"),
        Dialect::OpenaiResponses => format!("{base}/responses"),
        // The model and what is wanted of it follow in each call.
        Dialect::Gemini => base.strip_suffix("/openai").unwrap_or(base).to_owned(),
        Dialect::AnthropicMessages => {
            format!("{}/v1/messages", base.strip_suffix("/v1").unwrap_or(base))
        }
        Dialect::BedrockConverse => {
            findings.report(
                at,
                "`bedrock-converse` is spoken by Amazon Bedrock alone",
                "give the provider the name \"bedrock\", or add `vendor = \"bedrock\"`",
            );
            return None;
        }
    };
    let uri = address.parse::<Uri>().ok().filter(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
            && uri.query().is_none()
            && !uri.authority().is_some_and(|authority| authority.as_str().contains('@'))
    });
    if uri.is_none() {
        report_address(base, at, findings);
    }
    Some(Endpoint::at(dialect, uri?))
}

pub(crate) fn report_address(base: &str, at: Range<usize>, findings: &Findings) {
    findings.report(
        at,
        format!("`{base}` is no base address"),
        "write http:// or https://, a host, no user name and no query",
    );
}

/// `env:NAME`, `file:PATH`, or the secret itself.
pub(crate) fn secret(
    key: &Spanned<String>,
    environment: &Environment,
    findings: &Findings,
) -> Option<String> {
    let text = key.get_ref();
    if let Some(variable) = text.strip_prefix("env:") {
        let value = environment.get(variable);
        if value.is_none() {
            findings.report(
                key.span(),
                format!("the environment variable {variable} is not set"),
                format!("set {variable}, or give another `api_key`"),
            );
        }
        return value.map(str::to_owned);
    }
    if let Some(path) = text.strip_prefix("file:") {
        return match std::fs::read_to_string(path) {
            Ok(secret) => Some(secret.trim().to_owned()),
            Err(failure) => {
                findings.report(
                    key.span(),
                    format!("the file {path} cannot be read: {failure}"),
                    "give a file that holds the key and nothing else",
                );
                None
            }
        };
    }
    if text.trim().is_empty() {
        findings.report(
            key.span(),
            "`api_key` is empty",
            "give a key, or leave `api_key` out for a server that wants none",
        );
        return None;
    }
    Some(text.clone())
}
