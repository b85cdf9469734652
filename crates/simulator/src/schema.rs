//! The smallest sensible instance of a JSON schema, for forced tool calls and structured output.
//! Not a validator: keywords that only restrict (patterns, lengths) are not looked at.

use serde_json::{Map, Value, json};

/// Nesting at which sampling gives up, so that a schema which refers to itself ends.
const MAX_DEPTH: usize = 12;

/// An instance of `schema`.
pub(crate) fn sample(schema: &Value) -> Value {
    sample_within(schema, schema, 0)
}

fn sample_within(schema: &Value, root: &Value, depth: usize) -> Value {
    if !schema.is_object() || depth > MAX_DEPTH {
        return json!({});
    }
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root.pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null);
        return sample_within(target, root, depth + 1);
    }
    if let Some(constant) = schema.get("const") {
        return constant.clone();
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    if let Some(first) = ["anyOf", "oneOf", "allOf"].iter().find_map(|key| schema[*key].get(0)) {
        return sample_within(first, root, depth + 1);
    }
    match type_of(schema) {
        "object" => sample_object(schema, root, depth),
        "array" => {
            let count = schema["minItems"].as_u64().unwrap_or(1).clamp(1, 16);
            let item = sample_within(&schema["items"], root, depth + 1);
            (0..count).map(|_| item.clone()).collect()
        }
        "integer" => json!(schema["minimum"].as_i64().unwrap_or(7)),
        "number" => json!(schema["minimum"].as_f64().unwrap_or(7.5)),
        "boolean" => json!(true),
        "null" => Value::Null,
        _ => json!("Paris"),
    }
}

fn sample_object(schema: &Value, root: &Value, depth: usize) -> Value {
    let mut object = Map::new();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        object.insert(name.clone(), sample_within(property, root, depth + 1));
    }
    Value::Object(object)
}

/// The schema's type; of several, the first that is not null.
fn type_of(schema: &Value) -> &str {
    let stated = match &schema["type"] {
        Value::Array(several) => several.iter().filter_map(Value::as_str).find(|t| *t != "null"),
        one => one.as_str(),
    };
    stated.unwrap_or(if schema["properties"].is_object() { "object" } else { "string" })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::sample;

    #[test]
    fn every_kind_of_schema_has_an_instance() {
        let schema = json!({"type": "object", "$defs": {"c": {"enum": ["red", "blue"]}}, "properties": {
            "city": {"type": "string"}, "days": {"type": "integer", "minimum": 3},
            "colour": {"$ref": "#/$defs/c"}, "tags": {"type": "array", "items": {"type": ["null", "boolean"]}},
            "either": {"anyOf": [{"const": 5}, {"type": "string"}]}}});
        let expected =
            json!({"city": "Paris", "days": 3, "colour": "red", "tags": [true], "either": 5});
        assert_eq!(sample(&schema), expected);
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let schema = json!({"properties": {"next": {"$ref": "#"}}});
        assert!(sample(&schema).to_string().len() < 500);
    }
}
