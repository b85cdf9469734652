//! The vendor's own kind of schema as a JSON Schema: types in capitals, `nullable`, an order of
//! properties. What is a JSON Schema already stays as it is.

use serde_json::{Map, Value, json};

use crate::json::text::Json;

pub(super) fn plain(schema: &Json<'_>) -> Json<'static> {
    let mut value: Value = serde_json::from_str(schema.as_written()).unwrap_or(Value::Null);
    node(&mut value);
    Json::written(value.to_string())
}

fn node(value: &mut Value) {
    let Value::Object(fields) = value else { return };
    for order in ["propertyOrdering", "property_ordering"] {
        fields.shift_remove(order);
    }
    let nullable = fields.shift_remove("nullable") == Some(Value::Bool(true));
    if let Some(Value::String(kind)) = fields.get_mut("type") {
        *kind = kind.to_ascii_lowercase();
        if nullable {
            let kind = kind.clone();
            fields.insert("type".to_owned(), json!([kind, "null"]));
        }
    }
    for (old, new) in [("any_of", "anyOf"), ("min_items", "minItems"), ("max_items", "maxItems")] {
        rename(fields, old, new);
    }
    if let Some(Value::Object(properties)) = fields.get_mut("properties") {
        properties.values_mut().for_each(node);
    }
    if let Some(items) = fields.get_mut("items") {
        node(items);
    }
    if let Some(Value::Array(choices)) = fields.get_mut("anyOf") {
        choices.iter_mut().for_each(node);
    }
    // Whole numbers are written as texts here, as everywhere in the vendor's JSON.
    for limit in ["minItems", "maxItems", "minLength", "maxLength"] {
        if let Some(Value::String(number)) = fields.get(limit)
            && let Ok(number) = number.parse::<u64>()
        {
            fields.insert(limit.to_owned(), number.into());
        }
    }
}

fn rename(fields: &mut Map<String, Value>, old: &str, new: &str) {
    if let Some(value) = fields.shift_remove(old) {
        fields.insert(new.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use crate::json::text::Json;

    #[test]
    fn types_are_small_and_null_is_a_type() {
        let given = r#"{"type":"OBJECT","properties":{"type":{"type":"STRING","nullable":true},"n":{"type":"ARRAY","items":{"type":"INTEGER"},"maxItems":"3"}},"propertyOrdering":["n"],"required":["n"]}"#;
        let plain = r#"{"type":"object","properties":{"type":{"type":["string","null"]},"n":{"type":"array","items":{"type":"integer"},"maxItems":3}},"required":["n"]}"#;
        assert_eq!(super::plain(&Json::written(given.to_owned())).as_written(), plain);
    }
}
