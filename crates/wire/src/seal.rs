//! The opaque text in which one vendor's sealed reasoning crosses another vendor's dialect. It says who
//! made it, so that it is unwrapped for its maker alone and taken out for everybody else: a signature
//! that is not a vendor's own makes it refuse the whole request. It holds what was sealed and the words
//! that it vouches for, in the clear. What was damaged is left out; what is forged with care only its
//! maker can tell, as if it had been sent there itself. Valid base64 in both alphabets, because clients
//! decode and encode such texts on their way.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde::{Deserialize, Serialize};
use terms::dialect::Dialect;

use crate::canonical::sealed::{Seal, Sealed};

/// How every such text begins. Six bytes in base64; a vendor's own text begins so once in 2^48.
const MARK: &str = "outlast1";

const CHECKSUM: usize = 4;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[derive(Serialize, Deserialize)]
struct Content<'a> {
    provider: String,
    #[serde(borrow, default)]
    sealed: Vec<Sealed<'a>>,
}

/// Wraps what a provider sealed. Without parts it marks reasoning as this provider's.
pub(crate) fn wrap(provider: &str, sealed: &[Sealed<'_>]) -> String {
    let content = Content { provider: provider.to_owned(), sealed: sealed.to_vec() };
    let content = serde_json::to_vec(&content).expect("texts and numbers always serialize");
    let mut bytes = crc32fast::hash(&content).to_le_bytes().to_vec();
    bytes.extend_from_slice(&content);
    format!("{MARK}{}", BASE64.encode(bytes))
}

/// What a caller of this dialect is given: what was sealed in it stays as it was.
pub(crate) fn given(to: Dialect, provider: &str, sealed: &Sealed<'_>) -> String {
    if sealed.by == to {
        return (*sealed.data).to_owned();
    }
    wrap(provider, std::slice::from_ref(sealed))
}

/// Whether a text is one of ours, whole or damaged.
pub(crate) fn is_ours(text: &str) -> bool {
    text.starts_with(MARK)
}

/// Whether a body may hold one of ours.
pub(crate) fn may_be_in(body: &[u8]) -> bool {
    memchr::memmem::find(body, MARK.as_bytes()).is_some()
}

/// Reads one of ours; `None` for any other text, and for a damaged one.
pub(crate) fn unwrap(text: &str, field: &'static str) -> Option<Seal> {
    let standard = text.strip_prefix(MARK)?.replace('-', "+").replace('_', "/");
    let bytes = BASE64.decode(standard).ok()?;
    let (checksum, content) = bytes.split_at_checked(CHECKSUM)?;
    if checksum != crc32fast::hash(content).to_le_bytes() {
        return None;
    }
    let content: Content<'_> = serde_json::from_slice(content).ok()?;
    let parts = content.sealed.iter().map(Sealed::to_owned).collect();
    Some(Seal { provider: content.provider, parts, field })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};
    use terms::dialect::Dialect;

    use super::{is_ours, unwrap, wrap};
    use crate::canonical::sealed::{On, Sealed};

    fn sealed(text: String, data: String) -> Sealed<'static> {
        Sealed { by: Dialect::Gemini, on: On::Call, text: text.into(), data: data.into() }
    }

    proptest! {
        #[test]
        fn what_is_wrapped_comes_out_in_either_alphabet(
            provider in any::<String>(), text in any::<String>(), data in any::<String>(),
        ) {
            let parts = vec![sealed(text, data), sealed(String::new(), String::new())];
            let wrapped = wrap(&provider, &parts);
            for form in [wrapped.clone(), wrapped.replace('+', "-").replace('/', "_"), wrapped.trim_end_matches('=').to_owned()] {
                let seal = unwrap(&form, "f").unwrap();
                prop_assert_eq!(&seal.provider, &provider);
                prop_assert_eq!(&seal.parts, &parts);
            }
        }

        #[test]
        fn a_changed_character_is_seen(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9+/=]") {
            let wrapped = wrap("p", &[sealed("hm".to_owned(), "c2ln".to_owned())]);
            let at = at.index(wrapped.len());
            let changed = format!("{}{to}{}", &wrapped[..at], &wrapped[at + 1..]);
            if changed.trim_end_matches('=') != wrapped.trim_end_matches('=') {
                prop_assert_eq!(unwrap(&changed, "f"), None);
            }
            prop_assert!(is_ours(&wrapped));
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            unwrap(&format!("outlast1{text}"), "f");
            prop_assert_eq!(unwrap(&text, "f"), None);
        }
    }
}
