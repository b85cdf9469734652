//! The section `[[provider]]`: a server that speaks dialects, or recorded answers. Problems go to the
//! findings; a section with problems still gives what it can.

use std::{ops::Range, path::Path, sync::Arc};

use gateway::{Endpoint, TimeLimits};
use http::Uri;
use terms::dialect::Dialect;
use toml::Spanned;

use crate::{
    config::{
        environment::Environment,
        reader::{Findings, Section, nearest},
        sections::{Durations, times},
        vendors::{VENDORS, vendor},
    },
    recording::Recording,
    students::STUDENTS,
};

/// A provider as the file gives it, checked.
#[derive(Debug, Clone)]
pub(crate) struct ProviderSection {
    pub(crate) name: String,
    pub(crate) span: Range<usize>,
    pub(crate) answers: Answers,
    pub(crate) limits: TimeLimits,
    /// `free = true`: nothing that it answers costs anything.
    pub(crate) free: bool,
}

/// Where a provider's answers come from.
#[derive(Debug, Clone)]
pub(crate) enum Answers {
    Remote { endpoints: Vec<Endpoint>, secret: Option<String> },
    Recorded(Arc<Recording>),
}

pub(crate) fn provider(
    mut section: Section<'_, '_>,
    defaults: &Durations,
    environment: &Environment,
    findings: &Findings,
) -> Option<ProviderSection> {
    let span = section.span();
    let name = section.required("name", "\"anthropic\"");
    let base_url = section.string("base_url");
    let dialects = section.strings("dialects");
    let key = section.string("api_key");
    let free = section.boolean("free").unwrap_or(false);
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
            ("dialects", dialects.is_some().then(|| span.clone())),
        ] {
            if let Some(at) = at {
                let message = format!("`{key}` means nothing beside `recordings`");
                findings.report(at, message, "a recording speaks every dialect and is asked within this process; leave it out");
            }
        }
        let recording = recording(&files, input, answer, findings)?;
        let answers = Answers::Recorded(Arc::new(recording));
        // What was recorded is paid for; a [[price]] stands above this.
        let free = true;
        return Some(ProviderSection { name: name.into_inner(), span, answers, limits, free });
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
    let (endpoints, secret) = remote(
        &name,
        base_url.as_ref(),
        dialects.as_deref(),
        key.as_ref(),
        &span,
        environment,
        findings,
    );
    let answers = Answers::Remote { endpoints, secret };
    Some(ProviderSection { name: name.into_inner(), span, answers, limits, free })
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

/// Endpoints and credential of a provider that is a server.
fn remote(
    name: &Spanned<String>,
    base_url: Option<&Spanned<String>>,
    dialects: Option<&[Spanned<String>]>,
    key: Option<&Spanned<String>>,
    span: &Range<usize>,
    environment: &Environment,
    findings: &Findings,
) -> (Vec<Endpoint>, Option<String>) {
    let known = vendor(name.get_ref());
    let base = match (base_url, known) {
        (Some(url), _) => Some((url.get_ref().clone(), url.span())),
        (None, Some(vendor)) => {
            let moved = environment.get(vendor.address_variable).unwrap_or(vendor.base_url);
            Some((moved.to_owned(), name.span()))
        }
        (None, None) => {
            let advice = nearest(name.get_ref(), VENDORS.iter().map(|vendor| vendor.name))
                .map_or_else(
                    || {
                        "add `base_url = \"http://…/v1\"` and `dialects = [\"openai-chat\"]`"
                            .to_owned()
                    },
                    |near| {
                        format!("did you mean `{near}`? Otherwise add `base_url = \"http://…/v1\"`")
                    },
                );
            findings.report(
                name.span(),
                format!(
                    "provider `{}` has no `base_url` and is no vendor that is known here",
                    name.get_ref()
                ),
                advice,
            );
            None
        }
    };
    let spoken = match dialects {
        Some(names) => names.iter().filter_map(|name| dialect(name, findings)).collect(),
        None => known.zip(base.as_ref()).map_or_else(
            || vec![Dialect::OpenaiChat],
            |(vendor, (address, _))| vendor.dialects_at(address).to_vec(),
        ),
    };
    let endpoints = base.map_or_else(Vec::new, |(url, at)| {
        spoken.iter().filter_map(|dialect| endpoint(&url, *dialect, at.clone(), findings)).collect()
    });
    if dialects.is_some_and(<[_]>::is_empty) {
        findings.report(
            span.clone(),
            format!("provider `{}` speaks no dialect", name.get_ref()),
            dialect_advice(),
        );
    }
    let secret = match key {
        Some(key) => secret(key, environment, findings),
        None => {
            let variables = known.map_or(&[][..], |vendor| vendor.key_variables);
            let found = variables.iter().find_map(|variable| environment.get(variable));
            if found.is_none() && known.is_some() && base_url.is_none() {
                let advice = format!(
                    "set the environment variable {}, or add `api_key = \"env:NAME\"` or `\"file:PATH\"`",
                    variables.join(" or ")
                );
                findings.report(
                    name.span(),
                    format!("provider `{}` has no credential", name.get_ref()),
                    advice,
                );
            }
            found.map(str::to_owned)
        }
    };
    (endpoints, secret)
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
    let names: Vec<_> = Dialect::ALL.iter().map(|dialect| dialect.name()).collect();
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
    };
    let uri = address.parse::<Uri>().ok().filter(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
            && uri.query().is_none()
            && !uri.authority().is_some_and(|authority| authority.as_str().contains('@'))
    });
    if uri.is_none() {
        findings.report(
            at,
            format!("`{base}` is no base address"),
            "write http:// or https://, a host, no user name and no query",
        );
    }
    Some(Endpoint { dialect, uri: uri? })
}

/// `env:NAME`, `file:PATH`, or the secret itself.
fn secret(key: &Spanned<String>, environment: &Environment, findings: &Findings) -> Option<String> {
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
