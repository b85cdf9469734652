//! Requests that are passed on as they are, whatever they say: embeddings, images, speech. Only the
//! model's name is found and changed, in JSON or in a form, and the usage of the answer is tapped.

use std::ops::Range;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use terms::usage::Usage;

use crate::{
    elements::elements,
    error::{BadRequest, Malformed},
    head::{Head, Needs, checked_model},
    json::scan::{Kind, Scanner},
    spans::Spans,
    splice::{Edit, splice, value_of},
};

/// Finds the model's name in a JSON body of any shape. `otherwise` is what is asked for where the body
/// names none.
pub fn read_passed_json(body: &[u8], otherwise: Option<&str>) -> Result<Head, BadRequest> {
    let text = std::str::from_utf8(body).map_err(|error| {
        BadRequest::json(format!("the body is not valid UTF-8, at byte {}", error.valid_up_to()))
    })?;
    let mut scanner = Scanner::new(text);
    let broken = |_| BadRequest::json("the body is not valid JSON");
    let first = scanner.next().map_err(broken)?;
    if first.is_none_or(|first| first.kind != Kind::ObjectStart) {
        return Err(BadRequest::json("the body must be a JSON object"));
    }
    let (mut model, mut span) = (None, 0..0);
    while let Some(token) = scanner.next().map_err(broken)? {
        if token.kind != Kind::Key {
            continue;
        }
        let key = token.span;
        let value = scanner.skip_value().map_err(broken)?;
        if &text[key] == "model" {
            if model.is_some() {
                return Err(BadRequest::duplicate("model"));
            }
            let name: String = serde_json::from_str(&text[value.clone()])
                .map_err(|_| BadRequest::field("model", "must be a non-empty string"))?;
            model = Some(checked_model(name)?);
            span = value;
        }
    }
    let model = model.or_else(|| otherwise.map(str::to_owned));
    Ok(head(model.ok_or_else(|| BadRequest::missing("model"))?, span, body.len()))
}

/// Finds the model's name in a form of several parts; `boundary` stands between them.
pub fn read_passed_form(body: &[u8], boundary: &str) -> Result<Head, BadRequest> {
    let span = form_value(body, boundary, "model").ok_or_else(|| BadRequest::missing("model"))?;
    let name = std::str::from_utf8(&body[span.clone()])
        .map_err(|_| BadRequest::field("model", "must be a non-empty string"))?;
    let model = checked_model(name.to_owned())?;
    Ok(head(model, span, body.len()))
}

/// The same body with the upstream's name of the model, as JSON or as a part of a form.
pub fn rename_passed(head: &Head, body: &Bytes, model: &str, is_form: bool) -> Bytes {
    let span = head.spans.model.clone();
    if span.is_empty() || model == head.model {
        return body.clone();
    }
    let text = if is_form {
        model.to_owned()
    } else {
        serde_json::to_string(model).expect("a text is JSON")
    };
    splice(body, vec![Edit { span, text }])
}

/// The same body with this name of the model in every object of a list, where the list is there.
pub fn rename_each(list: &str, body: &Bytes, model: &str) -> Bytes {
    let text = std::str::from_utf8(body).unwrap_or_default();
    let Some(span) = value_of(text, list) else { return body.clone() };
    let name = serde_json::to_string(model).expect("a text is JSON");
    let edits = objects(&text[span.clone()]).map(|object| {
        let object = object.start + span.start..object.end + span.start;
        match value_of(&text[object.clone()], "model") {
            Some(value) => {
                let value = value.start + object.start..value.end + object.start;
                Edit { span: value, text: name.clone() }
            }
            None => {
                let is_empty = text[object.start + 1..].trim_start().starts_with('}');
                let comma = if is_empty { "" } else { "," };
                let at = object.start + 1;
                Edit { span: at..at, text: format!("\"model\":{name}{comma}") }
            }
        }
    });
    splice(body, edits.collect())
}

/// Where the objects of a list stand.
fn objects(list: &str) -> impl Iterator<Item = Range<usize>> {
    elements(list).into_iter().filter(|span| list[span.clone()].starts_with('{'))
}

fn head(model: String, span: Range<usize>, bytes: usize) -> Head {
    Head {
        model,
        stream: false,
        max_output_tokens: None,
        include_usage: false,
        input_bytes: bytes as u64,
        needs: Needs::default(),
        keeps: false,
        follows: None,
        spans: Spans { model: span, ..Spans::default() },
    }
}

/// Where the value of a part with this name stands.
fn form_value(body: &[u8], boundary: &str, name: &str) -> Option<Range<usize>> {
    let delimiter = format!("--{boundary}");
    let mut starts = memchr::memmem::find_iter(body, delimiter.as_bytes()).peekable();
    let wanted = format!("name=\"{name}\"");
    while let Some(start) = starts.next() {
        let end = *starts.peek()?;
        let part = start + delimiter.len()..end;
        let blank = memchr::memmem::find(&body[part.clone()], b"\r\n\r\n")?;
        let head = std::str::from_utf8(&body[part.start..part.start + blank]).unwrap_or_default();
        let named = head.split([';', '\r', '\n']).any(|item| item.trim() == wanted);
        if named {
            let value = part.start + blank + 4..part.end.checked_sub(2)?;
            return (value.start <= value.end).then_some(value);
        }
    }
    None
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    /// Gemini's word for it.
    #[serde(borrow, rename = "usageMetadata")]
    usage_metadata: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Counts {
    #[serde(rename = "prompt_tokens", alias = "input_tokens", alias = "promptTokenCount")]
    input: Option<u64>,
    #[serde(rename = "completion_tokens", alias = "output_tokens")]
    output: Option<u64>,
    #[serde(rename = "total_tokens")]
    total: Option<u64>,
}

/// The token counts of a JSON answer, where it states them; embeddings may state their total alone.
/// What is no JSON object is no answer.
pub fn read_passed_answer(body: &[u8]) -> Result<Option<Usage>, Malformed> {
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(|_| Malformed::NotJson)?;
    let usage = answer.usage.or(answer.usage_metadata);
    Ok(usage.and_then(|usage| read_counts(usage.get())))
}

fn read_counts(usage: &str) -> Option<Usage> {
    let counts: Counts = serde_json::from_str(usage).ok()?;
    let visible_out = counts.output.unwrap_or(0);
    let total = counts.total.map(|total| total.saturating_sub(visible_out));
    Some(Usage { uncached_in: counts.input.or(total)?, visible_out, ..Usage::default() })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use terms::usage::Usage;

    use super::{
        Malformed, read_passed_answer, read_passed_form, read_passed_json, rename_each,
        rename_passed,
    };

    #[test]
    fn only_the_models_name_changes_in_json() {
        let body =
            Bytes::from_static(br#"{"input":["a",{"model":"no"}], "model" : "r\u006f", "x":1.0}"#);
        let head = read_passed_json(&body, None).unwrap();
        assert_eq!((head.model.as_str(), head.stream), ("ro", false));
        let renamed = rename_passed(&head, &body, "e-5", false);
        assert_eq!(renamed, r#"{"input":["a",{"model":"no"}], "model" : "e-5", "x":1.0}"#);
        assert_eq!(rename_passed(&head, &body, "ro", false).as_ptr(), body.as_ptr());
    }

    #[test]
    fn the_models_name_changes_in_every_object_of_a_list() {
        let check = |body: &'static str, expect: &str| {
            let body = Bytes::from_static(body.as_bytes());
            assert_eq!(rename_each("requests", &body, "models/e"), expect);
        };
        check(
            r#"{"requests": [ {"model":"models/r","content":{"model":"no"}}, {"content" : 1.0}, {}, 7 ],"x":1.0}"#,
            r#"{"requests": [ {"model":"models/e","content":{"model":"no"}}, {"model":"models/e","content" : 1.0}, {"model":"models/e"}, 7 ],"x":1.0}"#,
        );
        for plain in [r#"{"content":{}}"#, r#"{"requests":7}"#, r#"{"requests":[]}"#] {
            check(plain, plain);
        }
    }

    #[test]
    fn a_body_without_a_model_is_the_default_or_a_refusal() {
        let body = Bytes::from_static(br#"{"input":"a"}"#);
        let head = read_passed_json(&body, Some("m")).unwrap();
        assert_eq!(
            (head.model.as_str(), rename_passed(&head, &body, "other", false)),
            ("m", body.clone())
        );
        let code = |body: &[u8]| read_passed_json(body, None).unwrap_err().code;
        assert_eq!(code(&body), "missing_field");
        assert_eq!(code(br#"{"model":7}"#), "invalid_field");
        assert_eq!(code(br#"{"model":"a","model":"b"}"#), "duplicate_field");
        assert_eq!(code(br#"["model"]"#), "invalid_json");
        assert_eq!(code(br#"{"model":"a""#), "invalid_json");
    }

    #[test]
    fn only_the_models_name_changes_in_a_form() {
        let form = "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"model\"\r\n\r\n\x00name=\"model\"\r\n--XX\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--XX--\r\n";
        let body = Bytes::from_static(form.as_bytes());
        let head = read_passed_form(&body, "XX").unwrap();
        assert_eq!(head.model, "whisper-1");
        let renamed = rename_passed(&head, &body, "w", true);
        assert_eq!(renamed, form.replace("whisper-1", "w"));
        assert_eq!(read_passed_form(&body, "YY").unwrap_err().code, "missing_field");
        assert!(read_passed_form(b"--XX\r\n\r\n", "XX").is_err());
    }

    #[test]
    fn usage_is_read_where_it_is_stated() {
        let usage = |body: &str| read_passed_answer(body.as_bytes()).unwrap();
        let counts =
            |uncached_in, visible_out| Some(Usage { uncached_in, visible_out, ..Usage::default() });
        assert_eq!(usage(r#"{"usage":{"prompt_tokens":8,"total_tokens":8}}"#), counts(8, 0));
        assert_eq!(usage(r#"{"usage":{"total_tokens":9}}"#), counts(9, 0));
        assert_eq!(usage(r#"{"usage":{"input_tokens":3,"output_tokens":4}}"#), counts(3, 4));
        assert_eq!(usage(r#"{"usageMetadata":{"promptTokenCount":6}}"#), counts(6, 0));
        assert_eq!(usage(r#"{"data":[]}"#), None);
        assert_eq!(usage(r#"{"usage":{"seconds":3.5}}"#), None);
        assert_eq!(read_passed_answer(b"binary"), Err(Malformed::NotJson));
    }
}
