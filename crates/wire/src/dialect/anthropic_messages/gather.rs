//! A whole message out of its events.

use serde_json::{Map, Value};

use crate::gather::{extend, records, replace};

/// A block, and the JSON of its input as far as it came.
#[derive(Default)]
struct Block {
    fields: Map<String, Value>,
    input: String,
}

pub(super) fn gather(stream: &[u8]) -> Option<Value> {
    let mut message: Option<Map<String, Value>> = None;
    let mut blocks: Vec<Block> = Vec::new();
    records(stream, |mut event| {
        let kind = event.remove("type");
        match kind.as_ref().and_then(Value::as_str).unwrap_or_default() {
            "message_start" => {
                if let Some(Value::Object(start)) = event.remove("message") {
                    message = Some(start);
                }
            }
            "content_block_start" => {
                if let Some(Value::Object(fields)) = event.remove("content_block") {
                    blocks.push(Block { fields, ..Block::default() });
                }
            }
            "content_block_delta" => {
                if let (Some(Value::Object(delta)), Some(block)) =
                    (event.remove("delta"), blocks.last_mut())
                {
                    continue_block(block, delta);
                }
            }
            "message_delta" => {
                if let Some(message) = &mut message {
                    end_message(message, event);
                }
            }
            _ => {}
        }
    });
    let mut message = message?;
    let blocks = blocks.into_iter().map(finished).collect::<Vec<Value>>();
    message.insert("content".to_owned(), Value::from(blocks));
    Some(Value::Object(message))
}

fn continue_block(block: &mut Block, mut delta: Map<String, Value>) {
    delta.remove("type");
    if let Some(Value::String(piece)) = delta.remove("partial_json") {
        block.input.push_str(&piece);
    }
    if let Some(citation) = delta.remove("citation") {
        match block.fields.get_mut("citations") {
            Some(Value::Array(citations)) => citations.push(citation),
            _ => {
                block.fields.insert("citations".to_owned(), Value::from(vec![citation]));
            }
        }
    }
    extend(&mut block.fields, delta);
}

fn end_message(message: &mut Map<String, Value>, mut event: Map<String, Value>) {
    if let Some(Value::Object(delta)) = event.remove("delta") {
        replace(message, delta);
    }
    if let Some(Value::Object(usage)) = message.get_mut("usage")
        && let Some(Value::Object(counts)) = event.remove("usage")
    {
        replace(usage, counts);
    }
    replace(message, event);
}

fn finished(block: Block) -> Value {
    let Block { mut fields, input } = block;
    if !input.is_empty() {
        // One that was cut off by the limit stays the text that it is.
        let input = serde_json::from_str(&input).unwrap_or(Value::String(input));
        fields.insert("input".to_owned(), input);
    }
    Value::Object(fields)
}
