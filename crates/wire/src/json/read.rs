//! Reading a whole body into a typed request, with complaints that name the place but never repeat
//! what stands there: a prompt must not travel in an error.

use serde::Deserialize;

use super::text::Text;
use crate::error::BadRequest;

/// Reads a body.
pub(crate) fn body<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, BadRequest> {
    serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let complaint = error.to_string();
        let expected = complaint
            .find("expected ")
            .map(|at| complaint[at..].split(" at line ").next().unwrap_or_default());
        let expected = expected.unwrap_or("its value cannot be read");
        BadRequest {
            message: format!(
                "a field of the body has the wrong type: {expected}, at line {line} column {column}"
            ),
            param: None,
            code: "invalid_field",
            status: 400,
        }
    })
}

/// Lists unknown fields by their path.
pub(crate) fn list_unknown(path: &str, unknown: &[Text<'_>], unsaid: &mut Vec<String>) {
    for field in unknown {
        let entry = format!("{path}.{}", &**field);
        if !unsaid.contains(&entry) {
            unsaid.push(entry);
        }
    }
}
