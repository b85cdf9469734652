//! `:embedContent` and `:batchEmbedContents`, read and written on both sides. A provider is always asked
//! for a batch. Source: the vendor's API reference.

use serde::{Deserialize, Serialize, de::IgnoredAny};
use terms::dialect::Dialect;

use crate::{
    canonical::embeddings::{Embeddings, EmbeddingsRequest},
    error::{BadRequest, Malformed},
    json::{
        object::object,
        read,
        text::{Json, Text},
        write,
    },
};

/// Texts of one batch at most; the vendor refuses more.
const TEXTS: usize = 100;

object! {
    Batch {
        requests: Vec<One<'a>> = "requests",
        _model: IgnoredAny = "model",
    }
}

object! {
    One {
        _model: IgnoredAny = "model",
        content: Content<'a> = "content",
        dimensions: u64 = "outputDimensionality" | "output_dimensionality",
    }
}

object! {
    Content {
        parts: Vec<Part<'a>> = "parts",
        _role: IgnoredAny = "role",
    }
}

object! {
    Part {
        text: Text<'a> = "text",
    }
}

/// Reads a request for one text, or for a batch.
pub(crate) fn decode_request(
    body: &[u8],
    is_batch: bool,
    to: Dialect,
) -> Result<EmbeddingsRequest<'_>, BadRequest> {
    let mut asked = EmbeddingsRequest::default();
    if !is_batch {
        let one: One<'_> = read::body(body)?;
        add(one, "", to, &mut asked)?;
        return Ok(asked);
    }
    let batch: Batch<'_> = read::body(body)?;
    asked.unsaid.extend(batch.unknown.iter().map(|field| field.to_string()));
    let requests = batch.requests.filter(|requests| !requests.is_empty());
    for (index, one) in
        requests.ok_or_else(|| BadRequest::missing("requests"))?.into_iter().enumerate()
    {
        let length = (index > 0).then_some(asked.dimensions);
        add(one, &format!("requests[{index}]."), to, &mut asked)?;
        if length.is_some_and(|length| length != asked.dimensions) {
            let complaint = "differs from that of the request before it, which the chosen model \
                             cannot be asked for at once; send them apart";
            let param = format!("requests[{index}].outputDimensionality");
            let refusal = BadRequest::field(&param, complaint);
            return Err(BadRequest { code: "unsupported_across_dialects", ..refusal });
        }
    }
    Ok(asked)
}

fn add<'a>(
    one: One<'a>,
    place: &str,
    to: Dialect,
    asked: &mut EmbeddingsRequest<'a>,
) -> Result<(), BadRequest> {
    let param = |field: &str| format!("{place}{field}");
    let general = if place.is_empty() { "" } else { "requests[]." };
    for field in &one.unknown {
        let field = format!("{general}{}", &**field);
        if !asked.unsaid.contains(&field) {
            asked.unsaid.push(field);
        }
    }
    if one.dimensions == Some(0) {
        let complaint = "must be a positive integer";
        return Err(BadRequest::field(&param("outputDimensionality"), complaint));
    }
    let content = one.content.ok_or_else(|| BadRequest::missing(&param("content")))?;
    let mut texts = Vec::new();
    for part in content.parts.into_iter().flatten() {
        if let Some(kind) = part.unknown.first() {
            let param = param(&format!("content.parts[].{}", &**kind));
            return Err(BadRequest::untranslatable(&param, Dialect::Gemini, to));
        }
        texts.extend(part.text.filter(|text| !text.is_empty()));
    }
    let text = match texts.len() {
        0 => return Err(BadRequest::field(&param("content"), "must hold a text")),
        1 => texts.remove(0),
        _ => Text::owned(texts.iter().map(|text| &**text).collect::<Vec<&str>>().join("\n")),
    };
    asked.texts.push(text);
    asked.dimensions = one.dimensions;
    Ok(())
}

#[derive(Serialize)]
struct WrittenBatch<'a> {
    requests: Vec<WrittenOne<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenOne<'a> {
    model: &'a str,
    content: WrittenContent<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimensionality: Option<u64>,
}

#[derive(Serialize)]
struct WrittenContent<'a> {
    parts: [WrittenPart<'a>; 1],
}

#[derive(Serialize)]
struct WrittenPart<'a> {
    text: &'a str,
}

/// Writes a batch. `field` is where its caller wrote the texts.
pub(crate) fn encode_request(
    request: &EmbeddingsRequest<'_>,
    model: &str,
    field: &str,
) -> Result<Vec<u8>, BadRequest> {
    if request.texts.len() > TEXTS {
        let complaint = format!(
            "holds {} texts, and the chosen model takes {TEXTS} at once; send them in several requests",
            request.texts.len()
        );
        let refusal = BadRequest::field(field, complaint);
        return Err(BadRequest { code: "unsupported_across_dialects", ..refusal });
    }
    let name =
        if model.starts_with("models/") { model.to_owned() } else { format!("models/{model}") };
    let one = |text| WrittenOne {
        model: &name,
        content: WrittenContent { parts: [WrittenPart { text }] },
        output_dimensionality: request.dimensions,
    };
    let requests = request.texts.iter().map(|text| one(&**text)).collect();
    let mut body = Vec::new();
    write::value(&mut body, &WrittenBatch { requests });
    Ok(body)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply<'a> {
    #[serde(borrow)]
    embeddings: Vec<Values<'a>>,
    #[serde(default)]
    usage_metadata: Option<Counts>,
}

#[derive(Deserialize)]
struct Values<'a> {
    #[serde(borrow)]
    values: Json<'a>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prompt_token_count: Option<u64>,
}

/// Reads the reply to a batch.
pub(crate) fn decode_reply(body: &[u8]) -> Result<Embeddings<'_>, Malformed> {
    let reply: Reply<'_> = serde_json::from_slice(body).map_err(|error| {
        if error.is_data() {
            shape("`embeddings` is missing or no list of vectors")
        } else {
            Malformed::NotJson
        }
    })?;
    if reply.embeddings.iter().any(|vector| !vector.values.as_written().starts_with('[')) {
        return Err(shape("a vector is no list of numbers"));
    }
    Ok(Embeddings {
        vectors: reply.embeddings.into_iter().map(|vector| vector.values).collect(),
        input_tokens: reply.usage_metadata.and_then(|counts| counts.prompt_token_count),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    embedding: Option<WrittenValues<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    embeddings: Option<Vec<WrittenValues<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_metadata: Option<Counts>,
}

#[derive(Serialize)]
struct WrittenValues<'a> {
    values: &'a Json<'a>,
}

/// Writes the reply to a batch, or to one text.
pub(crate) fn encode_reply(embeddings: &Embeddings<'_>, is_batch: bool) -> Vec<u8> {
    let mut vectors = embeddings.vectors.iter().map(|values| WrittenValues { values });
    let tokens = embeddings.input_tokens;
    let usage_metadata = tokens.map(|tokens| Counts { prompt_token_count: Some(tokens) });
    let written = if is_batch {
        Written { embedding: None, embeddings: Some(vectors.collect()), usage_metadata }
    } else {
        Written { embedding: vectors.next(), embeddings: None, usage_metadata }
    };
    let mut body = Vec::new();
    write::value(&mut body, &written);
    body
}

fn shape(what: &'static str) -> Malformed {
    Malformed::Shape { dialect: Dialect::Gemini, what }
}
