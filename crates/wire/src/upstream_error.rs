//! Reading the body of a provider's error. Providers wrap their words in many ways, and proxies in
//! front of them send web pages or nothing; whatever comes, a short clean sentence comes out.

use serde_json::Value;
use terms::dialect::Dialect;

use crate::{error::UpstreamError, provider_dialect};

/// Characters of a message at most.
const MESSAGE_CHARACTERS: usize = 2_000;

/// Reads the body of an error reply. Never fails: text, web pages and nothing at all are read too.
pub fn read_error(dialect: Dialect, body: &[u8]) -> UpstreamError {
    provider_dialect::provider_codec(dialect).read_error(body)
}

/// The reading that fits every provider seen so far.
pub(crate) fn read_any(body: &[u8]) -> UpstreamError {
    if body.trim_ascii().is_empty() {
        return plain("the provider sent an error without a body");
    }
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => read_value(&value),
        Err(_) => plain(&without_tags(&String::from_utf8_lossy(body))),
    }
}

/// Reads an error that stands as a value in a reply or a record.
pub(crate) fn read_value(value: &Value) -> UpstreamError {
    // Some compatible endpoints wrap the whole error in a list of one.
    let outer = value.as_array().and_then(|list| list.first()).unwrap_or(value);
    let inner = ["error", "detail", "errors"].iter().find_map(|key| outer.get(key));
    let inner = inner.unwrap_or(outer);
    let word = |key: &str| inner.get(key).or_else(|| outer.get(key)).and_then(short_text);
    let message = inner
        .as_str()
        .map(str::to_owned)
        .or_else(|| word("message"))
        .or_else(|| word("msg"))
        .unwrap_or_else(|| inner.to_string());
    UpstreamError {
        kind: inner.get("type").and_then(short_text).or_else(|| word("status")),
        code: word("code"),
        message: clean(&message),
    }
}

fn short_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(clean(text)),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn plain(message: &str) -> UpstreamError {
    UpstreamError { kind: None, code: None, message: clean(message) }
}

/// A web page's words: tags out, and what stands in `script` and `style` with them.
fn without_tags(page: &str) -> String {
    if !page.trim_start().starts_with('<') {
        return page.to_owned();
    }
    let mut words = String::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        words.push_str(&rest[..start]);
        words.push(' ');
        let tag = &rest[start..];
        let lower: String = tag.chars().take(7).collect::<String>().to_ascii_lowercase();
        let close = match lower.as_str() {
            "<script" => "</script>",
            _ if lower.starts_with("<style") => "</style>",
            _ => ">",
        };
        rest = tag.find(close).map_or("", |end| &tag[end + close.len()..]);
    }
    words.push_str(rest);
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Without control characters, at most 2,000 characters.
pub(crate) fn clean(message: &str) -> String {
    let printable = message.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    let kept: String = printable.filter(|c| !c.is_control()).take(MESSAGE_CHARACTERS).collect();
    let trimmed = kept.trim();
    if trimmed.is_empty() { "the provider gave no message".to_owned() } else { trimmed.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::read_any;

    fn check(body: &str, kind: Option<&str>, code: Option<&str>, message: &str) {
        let error = read_any(body.as_bytes());
        let found = (error.kind.as_deref(), error.code.as_deref(), error.message.as_str());
        assert_eq!(found, (kind, code, message));
    }

    #[test]
    fn every_shape_seen_in_the_wild_is_read() {
        check(
            r#"{"error":{"message":"no such model","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#,
            Some("invalid_request_error"),
            Some("model_not_found"),
            "no such model",
        );
        check(
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"r"}"#,
            Some("overloaded_error"),
            None,
            "Overloaded",
        );
        check(
            r#"[{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED"}}]"#,
            Some("RESOURCE_EXHAUSTED"),
            Some("429"),
            "quota",
        );
        check(
            r#"{"object":"error","message":"bad","type":"BadRequestError","param":null,"code":400}"#,
            Some("BadRequestError"),
            Some("400"),
            "bad",
        );
        check(r#"{"error":"plain words"}"#, None, None, "plain words");
        check(r#"{"detail":"Not Found"}"#, None, None, "Not Found");
        check("upstream connect error", None, None, "upstream connect error");
        check("", None, None, "the provider sent an error without a body");
        check("{}", None, None, "{}");
        check(
            "<html><head><style>b{}</style></head><body><h1>502 Bad\u{7} Gateway</h1>nginx</body></html>",
            None,
            None,
            "502 Bad Gateway nginx",
        );
    }

    #[test]
    fn long_messages_are_cut() {
        assert_eq!(read_any("é".repeat(5_000).as_bytes()).message.chars().count(), 2_000);
    }
}
