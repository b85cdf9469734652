//! What this dialect says in the address of a request instead of in its body.

use bytes::Bytes;

use crate::{
    error::BadRequest,
    json::write,
    splice::{Edit, splice, without},
};

/// What the address says.
const ADDRESSED: &[&str] = &["model", "stream"];

/// Puts what the address says into the body.
pub(crate) fn into_body(body: &Bytes, model: &str, stream: bool) -> Result<Bytes, BadRequest> {
    let bare = out_of_body(body);
    let Some(brace) = bare.iter().position(|byte| !byte.is_ascii_whitespace()) else {
        return Err(BadRequest::json("the body is empty"));
    };
    if bare[brace] != b'{' {
        return Err(BadRequest::json("the body must be a JSON object"));
    }
    let mut text = b"\"model\":".to_vec();
    write::text(&mut text, model);
    if stream {
        text.extend_from_slice(b",\"stream\":true");
    }
    let empty = bare[brace + 1..].trim_ascii_start().first() == Some(&b'}');
    if !empty {
        text.push(b',');
    }
    let text = String::from_utf8(text).expect("escaping keeps UTF-8");
    Ok(splice(&bare, vec![Edit { span: brace + 1..brace + 1, text }]))
}

/// The body as it goes over the wire, every other byte of it as it was.
pub(crate) fn out_of_body(body: &Bytes) -> Bytes {
    let Ok(text) = std::str::from_utf8(body) else { return body.clone() };
    // A broken body is refused where it is read.
    let edits = without(text, ADDRESSED).map(|(edits, _)| edits).unwrap_or_default();
    splice(body, edits)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{into_body, out_of_body};

    #[test]
    fn a_body_comes_out_as_it_went_in() {
        let check = |plain: &'static str, addressed: &str| {
            let plain = Bytes::from_static(plain.as_bytes());
            let body = into_body(&plain, "m", true).unwrap();
            assert_eq!(body, addressed.as_bytes());
            assert_eq!(out_of_body(&body), plain);
        };
        check(r#" {"a": 1.0 }"#, r#" {"model":"m","stream":true,"a": 1.0 }"#);
        let both = Bytes::from_static(br#"{"model":"x","a":1,"stream":false}"#);
        assert_eq!(into_body(&both, "m", false).unwrap(), r#"{"model":"m","a":1}"#);
        for broken in ["", "[]", "7"] {
            assert!(into_body(&Bytes::from_static(broken.as_bytes()), "m", false).is_err());
        }
    }
}
