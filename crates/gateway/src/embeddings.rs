//! Embeddings at a provider that speaks another dialect than their caller: the one operation beside
//! answers that is translated.

use http::Uri;
use wire::{AskedEmbeddings, embeddings_for_gemini, embeddings_for_openai};

use crate::{
    early::Early,
    flight::Flight,
    operation::{BATCH_EMBED_CONTENTS, Operation},
    pass::{Content, Passed},
    provider::{Endpoint, Way},
    table::Target,
};

/// Where and how a provider of the other dialect is asked.
pub(crate) struct Across<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) uri: Uri,
    pub(crate) asked: AskedEmbeddings,
}

/// `None` where the operation is another, or the provider does not offer it in either dialect.
pub(crate) fn across<'t>(
    body: &[u8],
    operation: &Operation,
    target: &'t Target,
) -> Option<Result<Across<'t>, Early>> {
    let other = operation.in_the_other_dialect()?;
    let Way::Remote { endpoint, .. } = target.provider.way(other.dialect, &target.model, 0) else {
        return None;
    };
    let model = target.model.as_str();
    let uri = other.uri(endpoint, model).filter(|_| endpoint.dialect == other.dialect)?;
    let asked = if other == &BATCH_EMBED_CONTENTS {
        embeddings_for_gemini(body, model)
    } else {
        embeddings_for_openai(body, operation == &BATCH_EMBED_CONTENTS, model)
    };
    Some(match asked {
        Ok(asked) => Ok(Across { endpoint, uri, asked }),
        Err(cannot_say) => Err(Early::declined(cannot_say.into())),
    })
}

/// The answer to `asked` in its caller's dialect, with the fields of the request that were not in it.
pub(crate) fn answered(
    asked: AskedEmbeddings,
    passed: Passed,
    flight: &mut Flight,
) -> Result<(Passed, Vec<String>), Early> {
    let Content::Whole(reply) = &passed.content else {
        return Err(Early::malformed("its answer is no JSON document".to_owned()));
    };
    let answered = asked
        .answered(reply, flight.target.model.as_str())
        .map_err(|malformed| Early::malformed(malformed.to_string()))?;
    flight.usage = answered.usage;
    Ok((Passed { content: Content::Whole(answered.body), ..passed }, asked.dropped))
}
