//! Dialects that say in a request's address what others say in its body. Here everything stands in the
//! body; a gateway puts it there when a request comes in, and takes it out when one goes out.

use bytes::Bytes;
use terms::dialect::Dialect;

use crate::{dialect::gemini::address, error::BadRequest};

/// The body with the model and the wish for a stream that its address named.
pub fn addressed(body: &Bytes, model: &str, stream: bool) -> Result<Bytes, BadRequest> {
    address::into_body(body, model, stream)
}

/// The body as it goes to a provider that speaks this dialect, where the address says the rest.
pub fn unaddressed(dialect: Dialect, body: Bytes) -> Bytes {
    if dialect == Dialect::Gemini { address::out_of_body(&body) } else { body }
}
