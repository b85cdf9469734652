//! Escapes in addresses (RFC 3986, section 2.1) and bytes in hexadecimal.

use std::fmt::Write;

/// The text with every byte escaped that is neither unreserved nor among `kept`.
pub(crate) fn escaped(text: &str, kept: &[u8]) -> String {
    let mut written = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || kept.contains(&byte) {
            written.push(char::from(byte));
        } else {
            write!(written, "%{byte:02X}").expect("a text takes all that is written");
        }
    }
    written
}

/// Two small digits for each byte.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let mut written = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(written, "{byte:02x}").expect("a text takes all that is written");
    }
    written
}
