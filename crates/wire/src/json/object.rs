//! Structs for JSON objects that keep what they know and name what they do not, so that nothing
//! is lost in silence between dialects. Absent and null are the same: `None`.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

/// Defines a struct whose fields are all optional, read in one pass, with the names of unknown
/// non-null fields kept in `unknown`. A field may have several names.
macro_rules! object {
    (
        $(#[$meta:meta])*
        $name:ident { $($field:ident: $type:ty = $key:literal $(| $also:literal)*),* $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Default)]
        pub(crate) struct $name<'a> {
            $(pub(crate) $field: Option<$type>,)*
            pub(crate) unknown: Vec<$crate::json::text::Text<'a>>,
        }

        impl<'de: 'a, 'a> serde::Deserialize<'de> for $name<'a> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;

                impl<'a> serde::de::Visitor<'a> for Visitor {
                    type Value = $name<'a>;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: serde::de::MapAccess<'a>>(
                        self,
                        mut map: A,
                    ) -> Result<$name<'a>, A::Error> {
                        let mut object = $name::default();
                        while let Some(key) = map.next_key::<$crate::json::text::Text<'a>>()? {
                            match &*key {
                                $($key $(| $also)* => object.$field = map.next_value()?,)*
                                _ => {
                                    if map.next_value::<Option<serde::de::IgnoredAny>>()?.is_some() {
                                        object.unknown.push(key);
                                    }
                                }
                            }
                        }
                        Ok(object)
                    }
                }

                deserializer.deserialize_map(Visitor)
            }
        }
    };
}
pub(crate) use object;

/// A text, or a list of parts: the two shapes that both vendors allow for content.
#[derive(Debug)]
pub(crate) enum TextOr<'a, T> {
    Text(super::text::Text<'a>),
    List(Vec<T>),
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for TextOr<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
            type Value = TextOr<'de, T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an array")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(TextOr::Text(text.into()))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(TextOr::Text(text.to_owned().into()))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(part) = seq.next_element()? {
                    list.push(part);
                }
                Ok(TextOr::List(list))
            }
        }

        deserializer.deserialize_any(Visitor(std::marker::PhantomData))
    }
}
