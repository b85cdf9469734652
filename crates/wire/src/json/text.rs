//! Pieces of JSON that borrow from the body they were read from: a decoded text, a text as it was
//! written, and any value as it was written. Raw pieces cross a dialect without being re-encoded.

use std::{borrow::Cow, fmt, ops::Deref};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;

/// A decoded text, borrowed where it had no escapes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub(crate) struct Text<'a>(Cow<'a, str>);

impl<'a> Text<'a> {
    /// The part that `cut` finds, borrowed where this text is.
    pub(crate) fn part(
        &self,
        cut: impl for<'t> Fn(&'t str) -> Option<&'t str>,
    ) -> Option<Text<'a>> {
        match &self.0 {
            Cow::Borrowed(text) => cut(text).map(|part| Text(Cow::Borrowed(part))),
            Cow::Owned(text) => cut(text).map(Text::owned),
        }
    }

    pub(crate) fn owned(text: impl Into<String>) -> Self {
        Self(Cow::Owned(text.into()))
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

/// A JSON text as it was written, quotes and escapes included: `"caf\u00e9"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Literal<'a>(Cow<'a, str>);

impl<'a> Literal<'a> {
    /// The literal in a raw value, if that value is a text.
    pub(crate) fn from_raw(raw: &'a RawValue) -> Option<Self> {
        raw.get().starts_with('"').then(|| Self(Cow::Borrowed(raw.get())))
    }

    /// Writes a plain text as a literal.
    pub(crate) fn from_plain(text: &str) -> Self {
        let mut literal = Vec::with_capacity(text.len() + 2);
        super::write::text(&mut literal, text);
        Self(Cow::Owned(String::from_utf8(literal).expect("escaping keeps UTF-8")))
    }

    /// The same, borrowed from nothing.
    pub(crate) fn to_owned(&self) -> Literal<'static> {
        Literal(Cow::Owned(self.0.clone().into_owned()))
    }

    /// The literal itself, quotes included.
    pub(crate) fn as_written(&self) -> &str {
        &self.0
    }

    /// What stands between its quotes, as written.
    pub(crate) fn between_quotes(&self) -> &str {
        &self.0[1..self.0.len() - 1]
    }

    /// The text itself; `None` where its escapes are no Unicode text.
    pub(crate) fn decoded(&self) -> Option<Cow<'_, str>> {
        if memchr::memchr(b'\\', self.between_quotes().as_bytes()).is_none() {
            return Some(Cow::Borrowed(self.between_quotes()));
        }
        serde_json::from_str::<String>(&self.0).ok().map(Cow::Owned)
    }

    /// Whether the text is empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.len() <= 2
    }

    /// Bytes between the quotes; escapes count as written.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.len().saturating_sub(2) as u64
    }
}

/// Any JSON value as it was written.
#[derive(Debug, Clone)]
pub(crate) struct Json<'a>(Cow<'a, RawValue>);

impl<'a> Json<'a> {
    /// The value's text, borrowed where the value is.
    pub(crate) fn into_text(self) -> Text<'a> {
        Text(match self.0 {
            Cow::Borrowed(raw) => Cow::Borrowed(raw.get()),
            Cow::Owned(raw) => Cow::Owned(raw.get().to_owned()),
        })
    }

    /// The value's text.
    pub(crate) fn as_written(&self) -> &str {
        self.0.get()
    }

    /// A value that this crate wrote itself.
    pub(crate) fn written(text: String) -> Self {
        Self(Cow::Owned(RawValue::from_string(text).expect("this crate writes valid JSON")))
    }

    /// A value from a text that may not be JSON.
    pub(crate) fn parse(text: String) -> Option<Self> {
        RawValue::from_string(text).ok().map(|raw| Self(Cow::Owned(raw)))
    }
}

impl PartialEq for Json<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_written() == other.as_written()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Json<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|raw| Self(Cow::Borrowed(raw)))
    }
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}
