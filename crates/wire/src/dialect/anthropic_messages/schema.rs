//! Fitting a JSON schema to what this vendor's structured answers accept: every object closed, no
//! numeric, length or count limits (the vendor's page on structured outputs). What is taken out is
//! named; a schema that cannot be fitted is not sent.

use serde_json::{Map, Value};

use crate::json::text::Json;

/// Limits that are refused.
const REFUSED: &[&str] = &[
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
];

/// The fitted schema, or `None` where an object is open to any field of some type.
pub(super) fn fit(schema: &Json<'_>, dropped: &mut Vec<String>) -> Option<Json<'static>> {
    let mut fitted: Value = serde_json::from_str(schema.as_written()).ok()?;
    let mut taken_out = Vec::new();
    fit_node(&mut fitted, &mut taken_out)?;
    dropped.extend(taken_out.iter().map(|field| format!("response_format.schema.{field}")));
    Some(Json::written(fitted.to_string()))
}

fn fit_node(node: &mut Value, taken_out: &mut Vec<&'static str>) -> Option<()> {
    let Value::Object(fields) = node else { return Some(()) };
    for refused in REFUSED {
        if fields.shift_remove(*refused).is_some() {
            taken_out.push(refused);
        }
    }
    close(fields, taken_out)?;
    for (name, value) in fields {
        match (name.as_str(), value) {
            ("properties" | "$defs" | "definitions", Value::Object(nodes)) => {
                for node in nodes.values_mut() {
                    fit_node(node, taken_out)?;
                }
            }
            ("anyOf" | "allOf" | "oneOf" | "prefixItems", Value::Array(nodes)) => {
                for node in nodes {
                    fit_node(node, taken_out)?;
                }
            }
            ("items", node) => fit_node(node, taken_out)?,
            _ => {}
        }
    }
    Some(())
}

fn close(fields: &mut Map<String, Value>, taken_out: &mut Vec<&'static str>) -> Option<()> {
    let kind = fields.get("type");
    let is_object = fields.contains_key("properties") || kind.is_some_and(|kind| kind == "object");
    if !is_object {
        return Some(());
    }
    match fields.insert("additionalProperties".to_owned(), Value::Bool(false)) {
        Some(Value::Bool(false)) => Some(()),
        None | Some(Value::Bool(true)) if fields.contains_key("properties") => {
            taken_out.push("additionalProperties");
            Some(())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::fit;
    use crate::json::text::Json;

    fn check(schema: &str, expected: Option<&str>, expected_dropped: &[&str]) {
        let mut dropped = Vec::new();
        let fitted = fit(&Json::written(schema.to_owned()), &mut dropped);
        assert_eq!(fitted.as_ref().map(Json::as_written), expected);
        assert_eq!(dropped, expected_dropped);
    }

    #[test]
    fn a_strict_schema_stays_as_it_is() {
        let strict = r#"{"type":"object","properties":{"minimum":{"type":"string"}},"required":["minimum"],"additionalProperties":false}"#;
        check(strict, Some(strict), &[]);
    }

    #[test]
    fn limits_are_taken_out_and_objects_closed() {
        check(
            r#"{"type":"object","properties":{"a":{"type":"array","maxItems":3,"items":{"type":"integer","minimum":1}}}}"#,
            Some(
                r#"{"type":"object","properties":{"a":{"type":"array","items":{"type":"integer"}}},"additionalProperties":false}"#,
            ),
            &[
                "response_format.schema.additionalProperties",
                "response_format.schema.maxItems",
                "response_format.schema.minimum",
            ],
        );
    }

    #[test]
    fn a_map_cannot_be_fitted() {
        check(r#"{"type":"object","additionalProperties":{"type":"string"}}"#, None, &[]);
        check(r#"{"type":"object"}"#, None, &[]);
    }
}
