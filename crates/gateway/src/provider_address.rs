//! Where a call goes: an address in which the model's name may stand. The name is the caller's where a
//! route is a pattern, so it is written such that it can be nothing but one segment of the path.

use http::Uri;
use terms::dialect::Dialect;

use crate::percent::escaped;

/// What stands for the model's name in an address that is given as text.
const MODEL: &str = "{model}";

/// Where a provider is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderAddress(Place);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Fixed(Uri),
    OfModel { whole: String, streamed: String },
}

impl ProviderAddress {
    /// The same for every call.
    pub fn fixed(uri: Uri) -> Self {
        Self(Place::Fixed(uri))
    }

    /// The call of a dialect at its own vendor; Gemini names the model in the path.
    pub(crate) fn of_dialect(dialect: Dialect, uri: Uri) -> Self {
        if dialect != Dialect::Gemini {
            return Self::fixed(uri);
        }
        let call = format!("{}/models/{MODEL}", uri.to_string().trim_end_matches('/'));
        let streamed = format!("{call}:streamGenerateContent?alt=sse");
        Self::of_model(&format!("{call}:generateContent"), &streamed)
            .unwrap_or_else(|| Self::fixed(uri))
    }

    /// With the model's name in it, for whole answers and for streams: `https://host/{model}/verb`.
    /// `None` where that is no address or `{model}` is missing.
    pub fn of_model(whole: &str, streamed: &str) -> Option<Self> {
        let fits = |text: &str| {
            let uri = text.replace(MODEL, "m").parse::<Uri>().ok()?;
            let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
            let (_, path) = text.split_once("://")?.1.split_once('/')?;
            let named = path.matches(MODEL).count() == 1 && text.matches(MODEL).count() == 1;
            (is_web && named && uri.host().is_some()).then_some(())
        };
        fits(whole)?;
        fits(streamed)?;
        let (whole, streamed) = (whole.to_owned(), streamed.to_owned());
        Some(Self(Place::OfModel { whole, streamed }))
    }

    /// The address of one call; `None` where the model's name can be no segment of a path.
    pub(crate) fn uri(&self, model: &str, stream: bool) -> Option<Uri> {
        match &self.0 {
            Place::Fixed(uri) => Some(uri.clone()),
            Place::OfModel { whole, streamed } => {
                let text = if stream { streamed } else { whole };
                text.replace(MODEL, &segment(model)?).parse().ok()
            }
        }
    }

    /// The address, where it is the same for every call.
    pub(crate) fn as_fixed(&self) -> Option<&Uri> {
        match &self.0 {
            Place::Fixed(uri) => Some(uri),
            Place::OfModel { .. } => None,
        }
    }

    /// Whether a caller's query may follow: only where nothing of the call stands in the address.
    pub(crate) fn takes_query(&self) -> bool {
        matches!(&self.0, Place::Fixed(uri) if uri.query().is_none())
    }

    /// The address for people, with `{model}` where the name goes.
    pub fn shown(&self) -> String {
        match &self.0 {
            Place::Fixed(uri) => uri.to_string(),
            Place::OfModel { whole, .. } => whole.clone(),
        }
    }
}

/// A name as one segment of a path (RFC 3986, section 3.3). Names that a server could read as a step
/// through folders, also after undoing the escapes, are refused.
fn segment(name: &str) -> Option<String> {
    let steps = name.split(['/', '\\']).any(|part| matches!(part, "" | "." | ".."));
    if steps || name.contains('%') {
        return None;
    }
    Some(escaped(name, b"@"))
}

#[cfg(test)]
mod tests {
    use super::ProviderAddress;

    #[test]
    fn a_name_stays_one_segment_whatever_it_is() {
        let bedrock = "https://h/model/{model}/";
        let address = ProviderAddress::of_model(
            &format!("{bedrock}converse"),
            &format!("{bedrock}converse-stream"),
        );
        let address = address.unwrap();
        let check = |name: &str, expect: Option<&str>| {
            let uri = address.uri(name, true).map(|uri| uri.to_string());
            let expect = expect
                .map(|segment| format!("{bedrock}converse-stream").replace("{model}", segment));
            assert_eq!(uri, expect, "{name}");
        };
        check("us.anthropic.claude-v1:0", Some("us.anthropic.claude-v1%3A0"));
        check("claude-opus-4-5@20251101", Some("claude-opus-4-5@20251101"));
        check("arn:aws:bedrock:r:1:p/x", Some("arn%3Aaws%3Abedrock%3Ar%3A1%3Ap%2Fx"));
        check("a?b=c#d e\u{e9}", Some("a%3Fb%3Dc%23d%20e%C3%A9"));
        for name in ["", "..", ".", "a/../b", "a//b", "..\\x", "%2e%2e", "/a", "a/"] {
            check(name, None);
        }
        assert_eq!(address.uri("m", false).unwrap().path(), "/model/m/converse");
        assert!(!address.takes_query());
    }

    #[test]
    fn what_is_no_address_of_a_model_is_refused() {
        for text in ["https://h/fixed", "ftp://h/{model}", "https://{model}/m", "/{model}"] {
            assert!(ProviderAddress::of_model(text, text).is_none(), "{text}");
        }
    }
}
