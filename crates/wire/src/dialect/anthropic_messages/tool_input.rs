//! Arguments of a tool call, which here are an object and elsewhere a text that should hold one.

use crate::json::{text::Json, write};

/// Arguments as an object. What is no object, because the model wrote it badly, is kept as a text
/// in the one field `arguments`, and listed.
pub(crate) fn object(arguments: &str, dropped: &mut Vec<String>) -> Json<'static> {
    let object = Json::parse(arguments.trim().to_owned());
    object.filter(|object| object.as_written().starts_with('{')).unwrap_or_else(|| {
        dropped.push("tool_calls[].function.arguments".to_owned());
        let mut wrapped = Vec::from(b"{\"arguments\":".as_slice());
        write::text(&mut wrapped, arguments);
        wrapped.push(b'}');
        Json::written(String::from_utf8(wrapped).expect("escaping keeps UTF-8"))
    })
}
