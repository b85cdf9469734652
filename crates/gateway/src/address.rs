//! What a Gemini call says in its address: the model, and what is wanted of it. Names of models may hold
//! a slash, written plainly or escaped.

/// A call as its address names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) model: String,
    pub(crate) wanted: Wanted,
}

/// What is wanted of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Whole,
    Stream,
    Count,
    /// Of one text.
    Embedding,
    /// Of several.
    Embeddings,
}

impl Address {
    /// The call at this path, under either version of the vendor's API.
    pub(crate) fn at(path: &str) -> Option<Self> {
        let call =
            path.strip_prefix("/v1beta/models/").or_else(|| path.strip_prefix("/v1/models/"))?;
        let (name, method) = call.rsplit_once(':')?;
        let wanted = match method {
            "generateContent" => Wanted::Whole,
            "streamGenerateContent" => Wanted::Stream,
            "countTokens" => Wanted::Count,
            "embedContent" => Wanted::Embedding,
            "batchEmbedContents" => Wanted::Embeddings,
            _ => return None,
        };
        let model = name.replace("%2F", "/").replace("%2f", "/").replace("%3A", ":");
        // Any other escape is nobody's name.
        (!model.is_empty() && !model.contains('%')).then_some(Self { model, wanted })
    }
}

#[cfg(test)]
mod tests {
    use super::{Address, Wanted};

    #[test]
    fn model_and_wish_are_read_from_the_path() {
        let check = |path: &str, expect: Option<(&str, Wanted)>| {
            let found = Address::at(path);
            let found = found.as_ref().map(|address| (address.model.as_str(), address.wanted));
            assert_eq!(found, expect, "{path}");
        };
        check("/v1beta/models/gemini-3:generateContent", Some(("gemini-3", Wanted::Whole)));
        check("/v1/models/a/b:streamGenerateContent", Some(("a/b", Wanted::Stream)));
        check("/v1beta/models/a%2Fb:countTokens", Some(("a/b", Wanted::Count)));
        check("/v1beta/models/task:intent:generateContent", Some(("task:intent", Wanted::Whole)));
        check("/v1beta/models/a:embedContent", Some(("a", Wanted::Embedding)));
        check("/v1/models/a/b:batchEmbedContents", Some(("a/b", Wanted::Embeddings)));
        check("/v1beta/models/a:predict", None);
        check("/v1beta/models/:generateContent", None);
        check("/v1beta/models/a%0a:generateContent", None);
        check("/v1/models/gemini-3", None);
    }
}
