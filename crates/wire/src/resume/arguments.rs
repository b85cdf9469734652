//! The arguments of a call as text: whether they are whole, and how far a second telling of them agrees
//! with the first. Spaces between JSON tokens mean nothing.

use std::borrow::Cow;

/// Whether this is one whole JSON object. Nothing but spaces can follow.
pub(crate) fn are_whole(arguments: &str) -> bool {
    arguments.trim_end().ends_with('}')
        && serde_json::from_str::<serde::de::IgnoredAny>(arguments).is_ok()
}

/// Whether both are the same JSON value. Nothing at all is a call without arguments.
fn are_same(one: &str, other: &str) -> bool {
    let value = |text: &str| {
        let text = if text.trim().is_empty() { "{}" } else { text };
        serde_json::from_str::<serde_json::Value>(text).ok()
    };
    matches!((value(one), value(other)), (Some(one), Some(other)) if one == other)
}

/// How the arguments of a call are told again.
#[derive(Debug)]
pub(crate) enum RetoldArguments {
    /// They were whole: the same value must come, spaced as it may be.
    Whole(Whole),
    /// They had not come, and something came after them: an empty object says the same.
    Absent(String),
    /// They broke off: told until they go beyond that.
    Open(Retelling),
}

impl RetoldArguments {
    /// Of a call whose arguments came so far; `is_last` tells that nothing came after it.
    pub(crate) fn of(first: &str, is_last: bool) -> Self {
        if are_whole(first) {
            // Nothing at all says the same as an empty object.
            Self::Whole(Whole { is_same: are_same(first, ""), ..Whole::default() })
        } else if first.is_empty() && !is_last {
            Self::Absent(String::new())
        } else {
            Self::Open(Retelling::default())
        }
    }

    /// Meets a piece with what came of these arguments the first time; gives what goes beyond it.
    pub(crate) fn tell<'p>(&mut self, first: &str, piece: &'p str) -> Result<Cow<'p, str>, ()> {
        match self {
            Self::Whole(whole) => whole.tell(first, piece).map(|()| Cow::Borrowed("")),
            Self::Absent(told) => {
                told.push_str(piece);
                if says_nothing(told) {
                    return Ok(Cow::Borrowed(""));
                }
                let beyond = Cow::Owned(std::mem::take(told));
                *self = Self::Open(Retelling::default());
                Ok(beyond)
            }
            Self::Open(retelling) => retelling.compare(first, piece).map(Cow::Borrowed),
        }
    }

    /// Whether as much of them was told as came the first time.
    pub(crate) fn are_told(&self, first: &str) -> bool {
        match self {
            Self::Whole(whole) => whole.is_same,
            Self::Absent(_) => true,
            Self::Open(retelling) => retelling.is_done(first),
        }
    }
}

/// A second telling of arguments that were whole, compared once it is whole, too.
#[derive(Debug, Default)]
pub(crate) struct Whole {
    told: String,
    /// Brackets that are open, and whether it stands in a string.
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// Whether what was told is the same.
    is_same: bool,
}

impl Whole {
    fn tell(&mut self, first: &str, piece: &str) -> Result<(), ()> {
        self.told.push_str(piece);
        let mut closes = false;
        for byte in piece.bytes() {
            match (self.in_string, byte) {
                (true, _) if self.escaped => self.escaped = false,
                (true, b'\\') => self.escaped = true,
                (_, b'"') => self.in_string = !self.in_string,
                (false, b'{') => self.depth += 1,
                (false, b'}') => {
                    self.depth = self.depth.saturating_sub(1);
                    closes |= self.depth == 0;
                }
                _ => {}
            }
        }
        if closes {
            self.is_same = are_same(first, &self.told);
            return if self.is_same { Ok(()) } else { Err(()) };
        }
        self.is_same &= piece.trim().is_empty();
        Ok(())
    }
}

/// Whether this is an empty object as far as it came.
fn says_nothing(arguments: &str) -> bool {
    let mut rest = ['{', '}'].into_iter();
    arguments
        .chars()
        .filter(|next| !next.is_ascii_whitespace())
        .all(|next| rest.next() == Some(next))
}

/// A second telling of arguments, compared piece by piece with what was said of them the first time.
#[derive(Debug, Default)]
pub(crate) struct Retelling {
    /// Bytes of the first telling that were met.
    met: usize,
    in_string: bool,
    escaped: bool,
}

impl Retelling {
    /// Compares a piece. Gives what of it goes beyond the first telling; an error where they differ.
    fn compare<'p>(&mut self, first: &str, piece: &'p str) -> Result<&'p str, ()> {
        for (at, character) in piece.char_indices() {
            if !self.in_string {
                let rest = &first[self.met..];
                self.met += rest.len() - rest.trim_start().len();
            }
            let Some(expected) = first[self.met..].chars().next() else { return Ok(&piece[at..]) };
            if !self.in_string && character.is_ascii_whitespace() {
                continue;
            }
            if character != expected {
                return Err(());
            }
            self.met += expected.len_utf8();
            self.step(character);
        }
        Ok("")
    }

    /// Whether all of the first telling was met.
    fn is_done(&self, first: &str) -> bool {
        first[self.met..].trim_start().is_empty()
    }

    fn step(&mut self, character: char) {
        match (self.in_string, self.escaped, character) {
            (true, true, _) => self.escaped = false,
            (true, false, '\\') => self.escaped = true,
            (_, false, '"') => self.in_string = !self.in_string,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Retelling, RetoldArguments, are_same, are_whole};

    /// Feeds pieces and gives what goes beyond the first telling.
    fn check(first: &str, pieces: &[&str], expect: Result<&str, ()>) {
        let mut retelling = Retelling::default();
        let beyond: Result<Vec<&str>, ()> =
            pieces.iter().map(|piece| retelling.compare(first, piece)).collect();
        assert_eq!(beyond.map(|beyond| beyond.concat()), expect.map(str::to_owned));
    }

    #[test]
    fn a_second_telling_goes_on_where_the_first_ended() {
        check(r#"{"path":"a"#, &[r#"{"pa"#, r#"th": "ab"#, r#"c"}"#], Ok(r#"bc"}"#));
        check(r#"{"path": "#, &[r#"{"path":"x"}"#], Ok(r#""x"}"#));
        check("", &["{}"], Ok("{}"));
        check(r#"{"a b":1"#, &[r#"{"ab":1}"#], Err(()));
        check(r#"{"a":"\"x"#, &[r#"{ "a":"\"x y"}"#], Ok(r#" y"}"#));
        check(r#"{"a":2"#, &[r#"{"a":3}"#], Err(()));
    }

    #[test]
    fn what_was_whole_is_met_by_the_same_value() {
        let check = |first: &str, pieces: &[&str], expect: Result<bool, ()>| {
            let mut told = RetoldArguments::of(first, true);
            let met = pieces
                .iter()
                .try_for_each(|piece| told.tell(first, piece).map(|beyond| assert_eq!(beyond, "")));
            assert_eq!(met.map(|()| told.are_told(first)), expect, "{first} {pieces:?}");
        };
        let first = r#"{"a":{"b":"}\\"},"c":1}"#;
        check(first, &[r#"{ "c":1, "#, r#""a":{"b":"}"#, r#"\\"}"#, "}", " \n"], Ok(true));
        check(first, &[r#"{"a":{"b":"}\\"},"c":1"#], Ok(false));
        check(first, &[], Ok(false));
        check(first, &[r#"{"a":{}}"#], Err(()));
        check(first, &[first, "1"], Ok(false));
        check(first, &[first, "{}"], Err(()));
        check("{}", &[], Ok(true));
        check("{ }", &[" ", "{"], Ok(false));
        check("{}", &["{", "}"], Ok(true));
        check("{}", &["}"], Err(()));
    }

    #[test]
    fn whole_is_whole() {
        assert!(are_whole(r#"{"a":{}}"#) && are_whole("{} "));
        assert!(!are_whole("") && !are_whole(r#"{"a":{}"#) && !are_whole("1"));
        assert!(are_same(r#"{"a":1,"b":2}"#, r#"{"b": 2, "a": 1}"#) && !are_same("{}", "[]"));
    }
}
