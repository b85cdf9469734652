//! Writing JSON by hand where a stream's small records are built from fixed parts.
//! Whole requests and replies are written by serde instead.

use bytes::BufMut;

/// Appends a text with quotes and escapes.
pub(crate) fn text(out: &mut impl BufMut, plain: &str) {
    out.put_u8(b'"');
    let mut rest = plain;
    while let Some(at) = rest.bytes().position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\')
    {
        out.put_slice(&rest.as_bytes()[..at]);
        escaped(out, rest.as_bytes()[at]);
        rest = &rest[at + 1..];
    }
    out.put_slice(rest.as_bytes());
    out.put_u8(b'"');
}

fn escaped(out: &mut impl BufMut, byte: u8) {
    const HEXADECIMAL: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' => out.put_slice(b"\\\""),
        b'\\' => out.put_slice(b"\\\\"),
        b'\n' => out.put_slice(b"\\n"),
        b'\r' => out.put_slice(b"\\r"),
        b'\t' => out.put_slice(b"\\t"),
        _ => {
            let digits = [HEXADECIMAL[usize::from(byte >> 4)], HEXADECIMAL[usize::from(byte & 15)]];
            out.put_slice(b"\\u00");
            out.put_slice(&digits);
        }
    }
}

/// Appends a whole number.
pub(crate) fn number(out: &mut impl BufMut, number: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(rest % 10).expect("a digit is below ten");
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.put_slice(&digits[at..]);
}

/// Appends anything that serializes, which texts, numbers and structs of them always do.
pub(crate) fn value(out: &mut impl BufMut, value: &impl serde::Serialize) {
    serde_json::to_writer(out.writer(), value).expect("texts and numbers always serialize");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    proptest! {
        #[test]
        fn texts_read_back_as_they_were(plain in any::<String>()) {
            let mut out = Vec::new();
            super::text(&mut out, &plain);
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), plain);
        }

        #[test]
        fn numbers_read_back_as_they_were(number in any::<u64>()) {
            let mut out = Vec::new();
            super::number(&mut out, number);
            assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
    }
}
