//! Embeddings across dialects: the same texts, lengths, vectors and counts on both sides, and refusals in
//! the caller's terms.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use wire::{AskedEmbeddings, BadRequest, Malformed, embeddings_for_gemini, embeddings_for_openai};

fn from_openai(body: &Value) -> Result<AskedEmbeddings, BadRequest> {
    embeddings_for_gemini(body.to_string().as_bytes(), "gemini-embedding-001")
}

fn from_gemini(body: &Value, is_batch: bool) -> Result<AskedEmbeddings, BadRequest> {
    embeddings_for_openai(body.to_string().as_bytes(), is_batch, "text-embedding-3-small")
}

fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}

fn answered(asked: &AskedEmbeddings, reply: &str) -> (String, Option<u64>) {
    let answered = asked.answered(reply.as_bytes(), "told").unwrap();
    let tokens = answered.usage.map(|usage| usage.uncached_in);
    (String::from_utf8(answered.body.to_vec()).unwrap(), tokens)
}

#[test]
fn texts_and_their_length_cross_to_gemini() {
    let check = |input: Value, more: &Value, expect: &[&str], dimensions: Option<u64>| {
        let mut body = json!({ "model": "route", "input": input });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let asked = from_openai(&body).unwrap();
        let one = |text: &&str| {
            let mut one = json!({ "model": "models/gemini-embedding-001", "content": { "parts": [{ "text": text }] } });
            if let Some(dimensions) = dimensions {
                one["outputDimensionality"] = dimensions.into();
            }
            one
        };
        let requests: Vec<Value> = expect.iter().map(one).collect();
        assert_eq!(json(&asked.body), json!({ "requests": requests }));
        asked.dropped
    };
    assert_eq!(check(json!("a \"é\""), &json!({}), &["a \"é\""], None), Vec::<String>::new());
    let more = json!({ "dimensions": 256, "user": "u", "encoding_format": null });
    assert_eq!(check(json!(["a", "b"]), &more, &["a", "b"], Some(256)), ["user"]);
}

#[test]
fn vectors_of_gemini_come_back_as_they_are_or_in_base64() {
    let reply = r#"{"embeddings":[{"values":[0.10, -2e-3,1]},{"values":[0.5,0.25,-1.5]}],"usageMetadata":{"promptTokenCount":7}}"#;
    let asked = from_openai(&json!({ "model": "r", "input": ["a", "b"] })).unwrap();
    let expect = r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.10, -2e-3,1]},{"object":"embedding","index":1,"embedding":[0.5,0.25,-1.5]}],"model":"told","usage":{"prompt_tokens":7,"total_tokens":7}}"#;
    assert_eq!(answered(&asked, reply), (expect.to_owned(), Some(7)));
    let asked = json!({ "model": "r", "input": ["a", "b"], "encoding_format": "base64" });
    let (body, _) = answered(&from_openai(&asked).unwrap(), reply);
    let packed = json(body.as_bytes())["data"][1]["embedding"].as_str().unwrap().to_owned();
    let bytes = STANDARD.decode(packed).unwrap();
    let numbers = bytes.chunks(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()));
    assert_eq!(numbers.collect::<Vec<f32>>(), [0.5, 0.25, -1.5]);
    // Counts that nobody states are not made up.
    let asked = from_openai(&json!({ "model": "r", "input": "a" })).unwrap();
    let (body, tokens) = answered(&asked, r#"{"embeddings":[{"values":[1]}]}"#);
    assert_eq!((tokens, json(body.as_bytes()).get("usage")), (None, None));
}

#[test]
fn one_text_and_a_batch_cross_to_openai() {
    let one = json!({ "model": "models/r", "content": { "parts": [{ "text": "a" }, { "text": "b" }] }, "taskType": "RETRIEVAL_QUERY", "output_dimensionality": 64 });
    let asked = from_gemini(&one, false).unwrap();
    let expect = json!({ "model": "text-embedding-3-small", "input": ["a\nb"], "dimensions": 64 });
    assert_eq!(
        (json(&asked.body), asked.dropped.as_slice()),
        (expect, &["taskType".to_owned()][..])
    );
    let reply = r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.10]}],"model":"m","usage":{"prompt_tokens":3,"total_tokens":3}}"#;
    let expect = r#"{"embedding":{"values":[0.10]},"usageMetadata":{"promptTokenCount":3}}"#;
    assert_eq!(answered(&asked, reply), (expect.to_owned(), Some(3)));

    let text = |text: &str| json!({ "model": "models/r", "content": { "role": "user", "parts": [{ "text": text }] }, "title": "t" });
    let asked = from_gemini(&json!({ "requests": [text("a"), text("b")] }), true).unwrap();
    let expect = json!({ "model": "text-embedding-3-small", "input": ["a", "b"] });
    assert_eq!(
        (json(&asked.body), asked.dropped.as_slice()),
        (expect, &["requests[].title".to_owned()][..])
    );
    // In any order, in Base64 from servers that send nothing else, and with the total alone.
    let packed = STANDARD.encode([0.5_f32.to_le_bytes(), (-2_f32).to_le_bytes()].concat());
    let reply = format!(
        r#"{{"data":[{{"index":1,"embedding":[2]}},{{"index":0,"embedding":"{packed}"}}],"usage":{{"total_tokens":4}}}}"#
    );
    let expect = r#"{"embeddings":[{"values":[0.5,-2.0]},{"values":[2]}],"usageMetadata":{"promptTokenCount":4}}"#;
    assert_eq!(answered(&asked, &reply), (expect.to_owned(), Some(4)));
}

#[test]
fn what_cannot_cross_is_refused_in_the_callers_terms() {
    let refused = |result: Result<AskedEmbeddings, BadRequest>, param: &str, code: &str| {
        let refusal = result.unwrap_err();
        assert_eq!((refusal.param.as_deref(), refusal.code), (Some(param), code), "{refusal}");
        refusal.message
    };
    let across = "unsupported_across_dialects";
    for tokens in [json!([1, 2]), json!([[1, 2], [3]])] {
        let asked = from_openai(&json!({ "model": "r", "input": tokens }));
        let message = refused(asked, "input", across);
        assert!(message.contains("tokens") && message.contains("send texts"), "{message}");
    }
    let many = vec!["a"; 101];
    let message = refused(from_openai(&json!({ "model": "r", "input": many })), "input", across);
    assert!(message.contains("101 texts") && message.contains("100 at once"), "{message}");
    let openai = |field: &str, value: Value| {
        let mut body = json!({ "model": "r", "input": "a" });
        body[field] = value;
        from_openai(&body)
    };
    for empty in [json!(""), json!([]), json!(["a", ""])] {
        refused(openai("input", empty), "input", "invalid_field");
    }
    refused(openai("input", Value::Null), "input", "missing_field");
    refused(openai("input", json!({})), "input", "invalid_field");
    refused(openai("input", json!(["a", null])), "input[1]", "invalid_field");
    refused(openai("dimensions", json!(0)), "dimensions", "invalid_field");
    refused(openai("dimensions", json!("9")), "dimensions", "invalid_field");
    refused(openai("encoding_format", json!("int8")), "encoding_format", "invalid_field");

    let one = |content: Value| from_gemini(&json!({ "content": content }), false);
    let image = json!({ "parts": [{ "inlineData": { "mimeType": "image/png", "data": "" } }] });
    refused(one(image), "content.parts[].inlineData", across);
    refused(one(json!({ "parts": [] })), "content", "invalid_field");
    refused(from_gemini(&json!({}), false), "content", "missing_field");
    refused(from_gemini(&json!({ "requests": [] }), true), "requests", "missing_field");
    let text = |length: Value| json!({ "content": { "parts": [{ "text": "a" }] }, "outputDimensionality": length });
    let lengths = json!({ "requests": [text(json!(5)), text(Value::Null)] });
    refused(from_gemini(&lengths, true), "requests[1].outputDimensionality", across);
    let without = json!({ "requests": [text(json!(5)), {}] });
    refused(from_gemini(&without, true), "requests[1].content", "missing_field");
}

#[test]
fn an_answer_without_a_vector_for_every_text_is_none() {
    let openai = from_openai(&json!({ "model": "r", "input": ["a", "b"] })).unwrap();
    let two = [
        json!({ "content": { "parts": [{ "text": "a" }] } }),
        json!({ "content": { "parts": [{ "text": "b" }] } }),
    ];
    let gemini = from_gemini(&json!({ "requests": two }), true).unwrap();
    for (asked, reply) in [
        (&openai, r#"{"embeddings":[{"values":[1]}]}"#),
        (&openai, r#"{"embeddings":[{"values":"x"},{"values":[1]}]}"#),
        (&openai, r#"{"data":[]}"#),
        (&gemini, r#"{"data":[{"embedding":[1]}]}"#),
        (&gemini, r#"{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]}"#),
        (&gemini, r#"{"data":[{"index":0,"embedding":[1]},{"index":9,"embedding":[1]}]}"#),
        (&gemini, r#"{"data":[{"embedding":[1]},{"embedding":"AAA="}]}"#),
        (&gemini, r#"{"data":[{"embedding":[1]},{"embedding":{}}]}"#),
        (&gemini, r#"{"error":{"message":"no"}}"#),
    ] {
        let answered = asked.answered(reply.as_bytes(), "m");
        assert!(matches!(answered, Err(Malformed::Shape { .. })), "{reply}: {answered:?}");
    }
    assert_eq!(openai.answered(b"<html>", "m"), Err(Malformed::NotJson));
}
