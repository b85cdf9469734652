//! Whether a JSON schema keeps the rules of this dialect's strict mode: every object closed, every
//! property required. A schema that does not is sent without strictness instead of being refused.

use serde_json::Value;

pub(in crate::dialect) fn fits(schema: &str) -> bool {
    serde_json::from_str(schema).is_ok_and(|schema: Value| node_fits(&schema))
}

fn node_fits(node: &Value) -> bool {
    let Value::Object(fields) = node else { return true };
    let properties = fields.get("properties").and_then(Value::as_object);
    let is_object = properties.is_some() || fields.get("type").is_some_and(|kind| kind == "object");
    let required = fields.get("required").and_then(Value::as_array);
    let is_required =
        |name: &String| required.is_some_and(|required| required.iter().any(|entry| entry == name));
    let closed = fields.get("additionalProperties") == Some(&Value::Bool(false));
    if is_object && (!closed || !properties.is_none_or(|all| all.keys().all(is_required))) {
        return false;
    }
    fields.iter().all(|(name, value)| match (name.as_str(), value) {
        ("properties" | "$defs" | "definitions", Value::Object(nodes)) => {
            nodes.values().all(node_fits)
        }
        ("anyOf" | "allOf" | "oneOf" | "prefixItems", Value::Array(nodes)) => {
            nodes.iter().all(node_fits)
        }
        ("items", node) => node_fits(node),
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn objects_must_be_closed_and_their_properties_required() {
        let closed = r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}"#;
        assert!(fits(closed));
        assert!(fits(&format!(r#"{{"type":"array","items":{closed}}}"#)));
        assert!(!fits(&closed.replace("\"required\":[\"a\"],", "")));
        assert!(!fits(&closed.replace(",\"additionalProperties\":false", "")));
        assert!(!fits(r#"{"anyOf":[{"type":"object"}]}"#));
    }
}
