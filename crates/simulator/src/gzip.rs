//! Bytes in a gzip member without any compression (RFC 1951, 3.2.4; RFC 1952): what a client that did
//! not ask for it must be able to refuse.

/// Bytes of a stored block at most.
const BLOCK: usize = 0xffff;

/// `bytes` as one gzip member.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut member = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut blocks = bytes.chunks(BLOCK).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).expect("a block is no longer than that");
        member.push(u8::from(blocks.peek().is_none()));
        member.extend_from_slice(&length.to_le_bytes());
        member.extend_from_slice(&(!length).to_le_bytes());
        member.extend_from_slice(block);
    }
    if bytes.is_empty() {
        member.extend_from_slice(&[1, 0, 0, 0xff, 0xff]);
    }
    member.extend_from_slice(&crc32(bytes).to_le_bytes());
    // RFC 1952: the size modulo 2^32.
    member.extend_from_slice(&(bytes.len() as u64).to_le_bytes()[..4]);
    member
}

/// CRC-32 as RFC 1952 wants it, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            let carry = crc & 1;
            (crc >> 1) ^ (0xedb8_8320 * carry)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{crc32, gzip};

    #[test]
    fn a_member_is_as_the_rfc_says() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        let member = gzip(b"ab");
        assert_eq!(member[..2], [0x1f, 0x8b]);
        assert_eq!(member[10..17], [1, 2, 0, 0xfd, 0xff, b'a', b'b']);
        assert_eq!(member[21..], [2, 0, 0, 0]);
    }
}
