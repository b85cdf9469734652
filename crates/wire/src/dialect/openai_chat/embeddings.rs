//! `/v1/embeddings`, as OpenAI and compatible servers speak it, read and written on both sides.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::value::RawValue;
use terms::dialect::Dialect;

use crate::{
    canonical::embeddings::{Embeddings, EmbeddingsRequest},
    error::{BadRequest, Malformed},
    json::{
        object::{TextOr, object},
        read,
        text::{Json, Text},
        write,
    },
};

/// Bytes of a number in Base64: little-endian, single precision.
const NUMBER: usize = 4;

object! {
    Asked {
        _model: IgnoredAny = "model",
        input: TextOr<'a, &'a RawValue> = "input",
        dimensions: u64 = "dimensions",
        format: Text<'a> = "encoding_format",
    }
}

/// Reads a request, and whether its vectors are to come in Base64.
pub(crate) fn decode_request(
    body: &[u8],
    to: Dialect,
) -> Result<(EmbeddingsRequest<'_>, bool), BadRequest> {
    let asked: Asked<'_> = read::body(body)?;
    let texts = match asked.input.ok_or_else(|| BadRequest::missing("input"))? {
        TextOr::Text(text) => vec![text],
        TextOr::List(inputs) => inputs
            .into_iter()
            .enumerate()
            .map(|(index, input)| text(index, input, to))
            .collect::<Result<_, _>>()?,
    };
    if texts.is_empty() || texts.iter().any(|text| text.is_empty()) {
        return Err(BadRequest::field("input", "must hold a text, and no empty one"));
    }
    if asked.dimensions == Some(0) {
        return Err(BadRequest::field("dimensions", "must be a positive integer"));
    }
    let in_base64 = match asked.format.as_deref() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(_) => {
            let complaint = "must be \"float\" or \"base64\"";
            return Err(BadRequest::field("encoding_format", complaint));
        }
    };
    let unsaid = asked.unknown.iter().map(|field| field.to_string()).collect();
    Ok((EmbeddingsRequest { texts, dimensions: asked.dimensions, unsaid }, in_base64))
}

fn text(index: usize, input: &RawValue, to: Dialect) -> Result<Text<'_>, BadRequest> {
    match input.get().as_bytes().first() {
        Some(b'"') => read::part(input.get().as_bytes(), &format!("input[{index}]")),
        Some(b'0'..=b'9' | b'[') => {
            let complaint = format!(
                "holds tokens, which nobody can read who speaks {to}, as the chosen model does; \
                 send texts, or ask for a model that speaks {}",
                Dialect::OpenaiChat
            );
            let refusal = BadRequest::field("input", complaint);
            Err(BadRequest { code: "unsupported_across_dialects", ..refusal })
        }
        _ => Err(BadRequest::field(&format!("input[{index}]"), "must be a string")),
    }
}

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    input: &'a [Text<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<u64>,
}

/// Writes a request. Vectors come as lists of numbers unless asked for otherwise.
pub(crate) fn encode_request(request: &EmbeddingsRequest<'_>, model: &str) -> Vec<u8> {
    let (input, dimensions) = (request.texts.as_slice(), request.dimensions);
    let mut body = Vec::new();
    write::value(&mut body, &Request { model, input, dimensions });
    body
}

#[derive(Deserialize)]
struct Reply<'a> {
    #[serde(borrow)]
    data: Vec<Row<'a>>,
    #[serde(default)]
    usage: Option<Counts>,
}

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(default)]
    index: Option<usize>,
    #[serde(borrow)]
    embedding: Json<'a>,
}

#[derive(Deserialize)]
struct Counts {
    #[serde(default)]
    prompt_tokens: Option<u64>,
    #[serde(default)]
    total_tokens: Option<u64>,
}

/// Reads a reply, whose vectors may stand in any order.
pub(crate) fn decode_reply(body: &[u8]) -> Result<Embeddings<'_>, Malformed> {
    let reply: Reply<'_> = serde_json::from_slice(body).map_err(|error| {
        if error.is_data() {
            shape("`data` is missing or no list of vectors")
        } else {
            Malformed::NotJson
        }
    })?;
    let mut vectors: Vec<Option<Json<'_>>> = reply.data.iter().map(|_| None).collect();
    for (place, row) in reply.data.into_iter().enumerate() {
        let place = vectors.get_mut(row.index.unwrap_or(place)).filter(|place| place.is_none());
        *place.ok_or_else(|| shape("the numbers of its vectors are none"))? =
            Some(numbers(row.embedding)?);
    }
    let counts = reply.usage.map(|usage| usage.prompt_tokens.or(usage.total_tokens));
    Ok(Embeddings {
        vectors: vectors.into_iter().flatten().collect(),
        input_tokens: counts.flatten(),
    })
}

/// A vector as a list of numbers.
fn numbers(vector: Json<'_>) -> Result<Json<'_>, Malformed> {
    if vector.as_written().starts_with('[') {
        return Ok(vector);
    }
    let text: String =
        serde_json::from_str(vector.as_written()).map_err(|_| shape("a vector is none"))?;
    let bytes = STANDARD.decode(text).map_err(|_| shape("a vector is no Base64"))?;
    let (numbers, rest) = bytes.as_chunks::<NUMBER>();
    let numbers: Vec<f32> = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    if !rest.is_empty() || numbers.iter().any(|number| !number.is_finite()) {
        return Err(shape("a vector in Base64 holds no numbers"));
    }
    let mut written = Vec::new();
    write::value(&mut written, &numbers);
    Ok(Json::written(String::from_utf8(written).expect("numbers are ASCII")))
}

#[derive(Serialize)]
struct Written<'a> {
    object: &'static str,
    data: Vec<WrittenRow<'a>>,
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<WrittenCounts>,
}

#[derive(Serialize)]
struct WrittenRow<'a> {
    object: &'static str,
    index: usize,
    embedding: Vector<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Vector<'a> {
    Numbers(&'a Json<'a>),
    Base64(String),
}

#[derive(Serialize)]
struct WrittenCounts {
    prompt_tokens: u64,
    total_tokens: u64,
}

/// Writes a reply; counts that nobody states are left out.
pub(crate) fn encode_reply(
    embeddings: &Embeddings<'_>,
    in_base64: bool,
    model: &str,
) -> Result<Vec<u8>, Malformed> {
    let row = |(index, vector)| {
        let embedding =
            if in_base64 { Vector::Base64(packed(vector)?) } else { Vector::Numbers(vector) };
        Ok(WrittenRow { object: "embedding", index, embedding })
    };
    let data = embeddings.vectors.iter().enumerate().map(row).collect::<Result<_, Malformed>>()?;
    let usage = embeddings.input_tokens;
    let usage = usage.map(|tokens| WrittenCounts { prompt_tokens: tokens, total_tokens: tokens });
    let mut body = Vec::new();
    write::value(&mut body, &Written { object: "list", data, model, usage });
    Ok(body)
}

fn packed(vector: &Json<'_>) -> Result<String, Malformed> {
    let numbers: Vec<f32> = serde_json::from_str(vector.as_written())
        .map_err(|_| shape("a vector holds something that is no number"))?;
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    Ok(STANDARD.encode(bytes))
}

fn shape(what: &'static str) -> Malformed {
    Malformed::Shape { dialect: Dialect::OpenaiChat, what }
}
