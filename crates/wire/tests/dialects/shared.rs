//! Reading the shared recordings: real replies and streams of vendors, and real requests of
//! clients. They are no part of the repository; where they are absent their tests say so and skip.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use terms::dialect::Dialect;
use yaml_rust2::{Yaml, YamlLoader};

/// The folder of shared data, beside the repository.
pub(crate) fn data() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no shared data at {}", folder.display());
    None
}

/// One thing that was recorded, and where.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) source: String,
    pub(crate) dialect: Dialect,
    pub(crate) what: What,
}

/// What was recorded.
#[derive(Debug)]
pub(crate) enum What {
    Request(String),
    Reply(String),
    /// As server-sent events.
    Stream(String),
    /// A body with an error status.
    Error(String),
}

/// Everything recorded in the dialects under `wire/`.
pub(crate) fn wire_recordings(data: &Path) -> Vec<Recording> {
    let mut recordings = Vec::new();
    for path in files(&data.join("wire")) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let source = path.strip_prefix(data).expect("found under it").display().to_string();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") if !source.contains("openai-openapi") => {
                push(&mut recordings, &source, reply(&text));
            }
            Some("txt") => push(&mut recordings, &source, stream(&text)),
            Some("yaml") => cassette(&mut recordings, &source, &text),
            _ => {}
        }
    }
    recordings
}

/// The bodies that clients sent, with the dialect of the path they went to.
pub(crate) fn client_requests(data: &Path) -> Vec<(String, Dialect, Value)> {
    let mut requests = Vec::new();
    for path in files(&data.join("clients")) {
        let captured: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        for request in captured["requests"].as_array().into_iter().flatten() {
            let to = request["path"].as_str().unwrap_or_default();
            let source = format!("{} {to}", path.file_name().unwrap().display());
            if let Some(dialect) = dialect_of_path(to)
                && request["body"].is_object()
            {
                requests.push((source, dialect, addressed(to, dialect, request["body"].clone())));
            }
        }
    }
    requests
}

/// A body with what its address says, where the dialect says it there.
fn addressed(path: &str, dialect: Dialect, mut body: Value) -> Value {
    if dialect == Dialect::Gemini {
        let call =
            path.split('?').next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
        let (model, method) = call.split_once(':').unwrap_or_default();
        body["model"] = model.into();
        body["stream"] = method.starts_with("stream").into();
    }
    body
}

fn dialect_of_path(path: &str) -> Option<Dialect> {
    let path = path.split('?').next().unwrap_or_default();
    if path.ends_with("/chat/completions") {
        Some(Dialect::OpenaiChat)
    } else if path.ends_with("/responses") {
        Some(Dialect::OpenaiResponses)
    } else if path.ends_with(":generateContent") || path.ends_with(":streamGenerateContent") {
        Some(Dialect::Gemini)
    } else if path.ends_with("/v1/messages") {
        Some(Dialect::AnthropicMessages)
    } else {
        None
    }
}

pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn push(recordings: &mut Vec<Recording>, source: &str, found: Option<(Dialect, What)>) {
    if let Some((dialect, what)) = found {
        recordings.push(Recording { source: source.to_owned(), dialect, what });
    }
}

fn reply(text: &str) -> Option<(Dialect, What)> {
    let value: Value = serde_json::from_str(text).ok()?;
    let dialect = dialect_of_reply(&value)?;
    Some((dialect, What::Reply(text.to_owned())))
}

/// Whether a recorded body has the shape of a reply; one server answered with something else.
pub(crate) fn is_reply(text: &str) -> bool {
    serde_json::from_str(text).is_ok_and(|value: Value| dialect_of_reply(&value).is_some())
}

fn dialect_of_reply(value: &Value) -> Option<Dialect> {
    if value["choices"][0]["message"].is_object() {
        Some(Dialect::OpenaiChat)
    } else if value["candidates"][0]["finishReason"].is_string()
        || value["promptFeedback"]["blockReason"].is_string()
    {
        Some(Dialect::Gemini)
    } else if value["object"] == "response" && value["output"].is_array() {
        // One that is still in its vendor's queue is no reply yet.
        let ended = matches!(value["status"].as_str(), Some("completed" | "incomplete"));
        ended.then_some(Dialect::OpenaiResponses)
    } else if value["type"] == "message" && value["content"].is_array() {
        Some(Dialect::AnthropicMessages)
    } else {
        None
    }
}

/// Some recordings are server-sent events, some the bare data of one event per line.
fn stream(text: &str) -> Option<(Dialect, What)> {
    if text.starts_with("data:") || text.starts_with("event:") {
        let data = text.lines().find_map(|line| line.strip_prefix("data:"))?;
        let dialect = dialect_of_record(&serde_json::from_str(data).ok()?)?;
        return Some((dialect, What::Stream(format!("{}\n\n", text.trim_end()))));
    }
    // One recording holds several streams, one after the other: the first is taken.
    let end = text.find(r#"{"type":"message_stop"}"#).map_or(text.len(), |at| at + 23);
    let end = text[..end]
        .match_indices("\n{\"type\":\"response.created\"")
        .next()
        .map_or(end, |found| found.0);
    let lines = text[..end].lines();
    let records: Vec<&str> = lines.filter(|line| !line.trim().is_empty()).collect();
    let first: Value = serde_json::from_str(records.first()?).ok()?;
    let dialect = dialect_of_record(&first)?;
    let mut stream = format!("data: {}\n\n", records.join("\n\ndata: "));
    if dialect == Dialect::OpenaiChat {
        stream.push_str("data: [DONE]\n\n");
    }
    Some((dialect, What::Stream(stream)))
}

fn dialect_of_record(value: &Value) -> Option<Dialect> {
    let legacy = value["choices"][0]["text"].is_string();
    if value["choices"].is_array() && !legacy {
        Some(Dialect::OpenaiChat)
    } else if value["candidates"].is_array() {
        Some(Dialect::Gemini)
    } else if value["type"] == "response.created" {
        Some(Dialect::OpenaiResponses)
    } else if value["type"] == "message_start" {
        Some(Dialect::AnthropicMessages)
    } else {
        None
    }
}

/// HTTP cassettes of two recorders.
fn cassette(recordings: &mut Vec<Recording>, source: &str, text: &str) {
    let documents =
        YamlLoader::load_from_str(text).unwrap_or_else(|error| panic!("{source}: {error}"));
    let interactions = documents[0]["interactions"].as_vec().map_or(&[][..], Vec::as_slice);
    for interaction in interactions {
        let (request, response) = (&interaction["request"], &interaction["response"]);
        let uri = request["uri"].as_str().or(request["url"].as_str()).unwrap_or_default();
        let Some(dialect) = dialect_of_path(uri) else { continue };
        let status = response["status"]["code"].as_i64().or(response["code"].as_i64());
        let good = status.is_none_or(|status| status < 400);
        if let (true, Some(body)) = (good, body(request)) {
            let parsed: Value = serde_json::from_str(&body).unwrap_or_default();
            let body = match dialect {
                Dialect::Gemini => addressed(uri, dialect, parsed).to_string(),
                _ => body,
            };
            push(recordings, source, Some((dialect, What::Request(body))));
        }
        let Some(body) = body(response) else { continue };
        let what = if !good {
            What::Error(body)
        } else if body.starts_with('{') {
            What::Reply(body)
        } else {
            What::Stream(body)
        };
        push(recordings, source, Some((dialect, what)));
    }
}

fn body(side: &Yaml) -> Option<String> {
    let parsed = &side["parsed_body"];
    if !parsed.is_badvalue() {
        return Some(json(parsed).to_string());
    }
    let raw = side["body"].as_str().or(side["body"]["string"].as_str())?;
    (!raw.is_empty()).then(|| raw.to_owned())
}

pub(crate) fn json(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Real(text) => text.parse::<f64>().map_or(Value::Null, Value::from),
        Yaml::Integer(number) => Value::from(*number),
        Yaml::String(text) => Value::from(text.as_str()),
        Yaml::Boolean(flag) => Value::from(*flag),
        Yaml::Array(list) => list.iter().map(json).collect(),
        Yaml::Hash(fields) => fields
            .iter()
            .map(|(key, value)| (key.as_str().unwrap_or_default().to_owned(), json(value)))
            .collect(),
        Yaml::Alias(_) | Yaml::Null | Yaml::BadValue => Value::Null,
    }
}
