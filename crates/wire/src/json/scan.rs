//! A pull scanner over JSON text that validates as it goes: grammar, escapes, finite numbers, depth.
//! It never recurses and never allocates, so a hostile body costs one pass and nothing else.
//! It builds no values; callers keep the spans they need.

use std::ops::Range;

/// Containers within containers at most, which is the bound of common JSON parsers too.
pub(crate) const MAX_DEPTH: u32 = 128;

/// Digits beyond which a number without an exponent may exceed what a 64-bit float holds.
const LONG_NUMBER: usize = 300;

/// Why a text is not acceptable JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct JsonError {
    /// Offset in bytes.
    pub(crate) at: usize,
    /// What is wrong there.
    pub(crate) what: &'static str,
}

/// What a token is. Spans of texts exclude the quotes; escapes are left as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Key,
    Text,
    Number,
    True,
    False,
    Null,
    ObjectStart,
    ArrayStart,
    End,
}

/// One token and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) span: Range<usize>,
}

/// What the grammar allows next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    FirstValueOrEnd,
    Key,
    FirstKeyOrEnd,
    CommaOrEnd,
    Nothing,
}

/// The scanner. `depth` counts open containers.
#[derive(Debug)]
pub(crate) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    expect: Expect,
    /// One bit per open container, the innermost lowest: 1 for an object.
    objects: u128,
    depth: u32,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { bytes: text.as_bytes(), at: 0, expect: Expect::Value, objects: 0, depth: 0 }
    }

    /// Open containers.
    pub(crate) fn depth(&self) -> u32 {
        self.depth
    }

    /// The next token, or `None` after the whole text was one valid value.
    pub(crate) fn next(&mut self) -> Result<Option<Token>, JsonError> {
        self.skip_whitespace();
        if self.expect == Expect::CommaOrEnd && self.peek() == Some(b',') {
            self.at += 1;
            self.expect = if self.in_object() { Expect::Key } else { Expect::Value };
            self.skip_whitespace();
        }
        let Some(byte) = self.peek() else {
            return if self.expect == Expect::Nothing {
                Ok(None)
            } else {
                Err(self.wrong("it ends too early"))
            };
        };
        match (self.expect, byte) {
            (Expect::FirstKeyOrEnd | Expect::CommaOrEnd, b'}') if self.in_object() => {
                Ok(self.close())
            }
            (Expect::FirstValueOrEnd | Expect::CommaOrEnd, b']') if !self.in_object() => {
                Ok(self.close())
            }
            (Expect::Key | Expect::FirstKeyOrEnd, b'"') => self.key(),
            (Expect::Value | Expect::FirstValueOrEnd, _) => self.value(byte),
            (Expect::Nothing, _) => Err(self.wrong("something follows its end")),
            (Expect::Key | Expect::FirstKeyOrEnd, _) => Err(self.wrong("a key is expected")),
            (Expect::CommaOrEnd, _) => Err(self.wrong("a comma or an end is expected")),
        }
        .map(Some)
    }

    /// Consumes the next value whole and gives its span, quotes and brackets included.
    pub(crate) fn skip_value(&mut self) -> Result<Range<usize>, JsonError> {
        let outside = self.depth;
        let Some(first) = self.next()? else { return Err(self.wrong("a value is expected")) };
        let start = first.span.start - usize::from(first.kind == Kind::Text);
        while self.depth > outside {
            self.next()?;
        }
        Ok(start..self.at)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn wrong(&self, what: &'static str) -> JsonError {
        JsonError { at: self.at, what }
    }

    fn in_object(&self) -> bool {
        self.objects & 1 == 1
    }

    fn skip_whitespace(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn after_value(&mut self) {
        self.expect = if self.depth == 0 { Expect::Nothing } else { Expect::CommaOrEnd };
    }

    fn open(&mut self, object: bool) -> Result<Token, JsonError> {
        if self.depth == MAX_DEPTH {
            return Err(self.wrong("it is nested too deeply, more than 128 levels"));
        }
        self.depth += 1;
        self.objects = (self.objects << 1) | u128::from(object);
        self.expect = if object { Expect::FirstKeyOrEnd } else { Expect::FirstValueOrEnd };
        self.at += 1;
        let kind = if object { Kind::ObjectStart } else { Kind::ArrayStart };
        Ok(Token { kind, span: self.at - 1..self.at })
    }

    fn close(&mut self) -> Token {
        self.depth -= 1;
        self.objects >>= 1;
        self.at += 1;
        self.after_value();
        Token { kind: Kind::End, span: self.at - 1..self.at }
    }

    fn key(&mut self) -> Result<Token, JsonError> {
        let span = self.text()?;
        self.skip_whitespace();
        if self.peek() != Some(b':') {
            return Err(self.wrong("a colon is expected"));
        }
        self.at += 1;
        self.expect = Expect::Value;
        Ok(Token { kind: Kind::Key, span })
    }

    fn value(&mut self, byte: u8) -> Result<Token, JsonError> {
        let start = self.at;
        let kind = match byte {
            b'{' => return self.open(true),
            b'[' => return self.open(false),
            b'"' => {
                let span = self.text()?;
                self.after_value();
                return Ok(Token { kind: Kind::Text, span });
            }
            b't' => self.literal(b"true", Kind::True)?,
            b'f' => self.literal(b"false", Kind::False)?,
            b'n' => self.literal(b"null", Kind::Null)?,
            b'-' | b'0'..=b'9' => self.number()?,
            _ => return Err(self.wrong("a value is expected")),
        };
        self.after_value();
        Ok(Token { kind, span: start..self.at })
    }

    fn literal(&mut self, word: &[u8], kind: Kind) -> Result<Kind, JsonError> {
        if !self.bytes[self.at..].starts_with(word) {
            return Err(self.wrong("a value is expected"));
        }
        self.at += word.len();
        Ok(kind)
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.wrong("a digit is expected")) } else { Ok(()) }
    }

    fn number(&mut self) -> Result<Kind, JsonError> {
        let start = self.at;
        let mut exponent = false;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            exponent = true;
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        if (exponent || self.at - start > LONG_NUMBER) && !self.is_finite(start) {
            return Err(JsonError { at: start, what: "a number is too large" });
        }
        Ok(Kind::Number)
    }

    fn is_finite(&self, start: usize) -> bool {
        std::str::from_utf8(&self.bytes[start..self.at])
            .is_ok_and(|digits| digits.parse::<f64>().is_ok_and(f64::is_finite))
    }

    /// Consumes a text, quotes included, and gives the span between the quotes.
    fn text(&mut self) -> Result<Range<usize>, JsonError> {
        let start = self.at + 1;
        self.at = start;
        loop {
            self.at += plain_prefix(&self.bytes[self.at..]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(start..self.at - 1);
                }
                Some(b'\\') => self.escape()?,
                Some(_) => return Err(self.wrong("a control character stands in a text")),
                None => return Err(self.wrong("it ends too early")),
            }
        }
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u')
                if self
                    .bytes
                    .get(self.at + 2..self.at + 6)
                    .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) =>
            {
                self.at += 6;
            }
            Some(_) => return Err(self.wrong("an escape is not valid")),
            None => return Err(self.wrong("it ends too early")),
        }
        Ok(())
    }
}

/// How many leading bytes are neither a quote, a backslash nor a control character. Eight bytes
/// are judged at once by the classic zero-byte test (H. S. Warren, "Hacker's Delight", 6-1).
fn plain_prefix(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let zero_bytes = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let mut length = 0;
    for chunk in bytes.chunks_exact(8) {
        let word = u64::from_le_bytes(chunk.try_into().expect("chunks of eight bytes"));
        let controls = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
        let quotes = zero_bytes(word ^ (ONES * u64::from(b'"')));
        let backslashes = zero_bytes(word ^ (ONES * u64::from(b'\\')));
        let special = controls | quotes | backslashes;
        if special != 0 {
            return length + special.trailing_zeros() as usize / 8;
        }
        length += 8;
    }
    let special = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
    length + bytes[length..].iter().position(special).unwrap_or(bytes.len() - length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, prop, proptest};

    use super::{Kind, Scanner};

    fn scan(text: &str) -> Result<usize, &'static str> {
        let mut scanner = Scanner::new(text);
        let mut tokens = 0;
        while scanner.next().map_err(|error| error.what)?.is_some() {
            tokens += 1;
        }
        Ok(tokens)
    }

    #[test]
    fn it_counts_the_tokens_of_a_value() {
        assert_eq!(scan(r#" {"a":[1,-0.5e3,"x\n\u00e9",true,null],"b":{}} "#), Ok(13));
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "01",
            "1.",
            "+1",
            "NaN",
            "Infinity",
            "1e400",
            "\"\\x\"",
            "\"\\u12\"",
            "\"a\nb\"",
            "[1 2]",
            "{1:2}",
            "{\"a\" 1}",
            "[}",
            "{]",
            "1 2",
            "tru",
            "\"",
        ] {
            assert!(scan(text).is_err(), "{text} was accepted");
        }
    }

    #[test]
    fn depth_is_bounded_without_recursion() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(scan(&nested(128)).is_ok());
        assert!(scan(&nested(129)).is_err());
        assert!(scan(&nested(100_000)).is_err());
    }

    #[test]
    fn a_skipped_value_is_its_whole_span() {
        let text = r#"{"a" : "x\"y" ,"b": [1,[2]] }"#;
        let mut scanner = Scanner::new(text);
        assert_eq!(scanner.next().unwrap().unwrap().kind, Kind::ObjectStart);
        scanner.next().unwrap();
        assert_eq!(&text[scanner.skip_value().unwrap()], r#""x\"y""#);
        scanner.next().unwrap();
        assert_eq!(&text[scanner.skip_value().unwrap()], "[1,[2]]");
    }

    proptest! {
        #[test]
        fn it_agrees_with_serde_json(text in r#"[\[\]{}:,"0-9a\\.eE+\- ntrulfs]{0,24}"#) {
            assert_eq!(scan(&text).is_ok(), serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
        }

        #[test]
        fn texts_are_found_whole(text in prop::collection::vec(proptest::char::any(), 0..40).prop_map(String::from_iter)) {
            let json = serde_json::to_string(&text).unwrap();
            assert_eq!(scan(&json), Ok(1));
        }
    }
}
