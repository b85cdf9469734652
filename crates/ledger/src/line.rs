//! One record of the journal as a line: a checksum, a space, JSON, a line end. The JSON is what
//! `serde_json` writes and reads; holds and settlements, of which every request writes two, are written
//! by hand, because deriving it takes as long as checking the request's key.

use std::io;

use terms::{
    event::{Entry, Hold, Settlement},
    ids::AttemptId,
    outcome::Ending,
};

/// Length of the checksum and the space behind it.
const CHECKSUM_CHARS: usize = 9;

/// Writes `crc32 in 8 hexadecimal digits`, a space, JSON, a line end over what the line holds.
pub(crate) fn encode(entry: &Entry, line: &mut Vec<u8>) -> io::Result<()> {
    line.clear();
    line.extend_from_slice(b"00000000 ");
    match entry {
        Entry::Hold(hold) => write_hold(line, hold)?,
        Entry::Settlement(settlement) => write_settlement(line, settlement)?,
        Entry::Breaker(_) => serde_json::to_writer(&mut *line, entry)?,
    }
    let checksum = crc32fast::hash(&line[CHECKSUM_CHARS..]);
    let mut digits = [0; 8];
    for (index, digit) in digits.iter_mut().enumerate() {
        let nibble = (checksum >> (28 - 4 * index)) & 0xF;
        *digit = b"0123456789abcdef"[nibble as usize];
    }
    line[..8].copy_from_slice(&digits);
    line.push(b'\n');
    Ok(())
}

/// The record of a line without its end; `None` where it is damaged.
pub(crate) fn decode(line: &[u8]) -> Option<Entry> {
    let (checksum, json) = line.split_at_checked(CHECKSUM_CHARS)?;
    let expected = u32::from_str_radix(std::str::from_utf8(&checksum[..8]).ok()?, 16).ok()?;
    (crc32fast::hash(json) == expected).then(|| serde_json::from_slice(json).ok()).flatten()
}

fn write_hold(line: &mut Vec<u8>, hold: &Hold) -> io::Result<()> {
    // Taken apart, so that a field that is added is not forgotten here.
    let Hold {
        attempt,
        at,
        key,
        principal,
        team,
        route,
        target,
        provider,
        model,
        dialect,
        stream,
        estimated_in,
        ceiling,
    } = hold;
    put(line, "{\"hold\":{");
    write_attempt(line, *attempt);
    put(line, ",\"at\":");
    number(line, at.0);
    let names = [
        (",\"key\":", key.as_str()),
        (",\"principal\":", principal.as_str()),
        (",\"team\":", team.as_str()),
        (",\"route\":", route.as_str()),
        (",\"target\":", target.as_str()),
        (",\"provider\":", provider.as_str()),
        (",\"model\":", model.as_str()),
        (",\"dialect\":", dialect.name()),
    ];
    for (field, name) in names {
        put(line, field);
        text(line, name)?;
    }
    put(line, if *stream { ",\"stream\":true" } else { ",\"stream\":false" });
    put(line, ",\"estimated_in\":");
    number(line, *estimated_in);
    put(line, ",\"ceiling\":");
    number(line, ceiling.0);
    put(line, "}}");
    Ok(())
}

fn write_settlement(line: &mut Vec<u8>, settlement: &Settlement) -> io::Result<()> {
    let Settlement {
        attempt,
        at,
        ending,
        usage,
        source,
        cost,
        avoided,
        price_version,
        first_token_ms,
        total_ms,
    } = settlement;
    put(line, "{\"settlement\":{");
    write_attempt(line, *attempt);
    put(line, ",\"at\":");
    number(line, at.0);
    match ending {
        Ending::Failed(failure) => {
            put(line, ",\"ending\":{\"failed\":\"");
            put(line, failure.name());
            put(line, "\"}");
        }
        Ending::Answered | Ending::CallerLeft | Ending::Interrupted => {
            put(line, ",\"ending\":\"");
            put(line, ending.name());
            put(line, "\"");
        }
    }
    let counts = [
        (",\"usage\":{\"uncached_in\":", usage.uncached_in),
        (",\"cache_read\":", usage.cache_read),
        (",\"cache_write_5m\":", usage.cache_write_5m),
        (",\"cache_write_1h\":", usage.cache_write_1h),
        (",\"visible_out\":", usage.visible_out),
        (",\"reasoning_out\":", usage.reasoning_out),
    ];
    for (field, count) in counts {
        put(line, field);
        number(line, count);
    }
    put(line, "},\"source\":\"");
    put(line, source.name());
    put(line, "\",\"cost\":");
    number(line, cost.0);
    if let Some(avoided) = avoided {
        put(line, ",\"avoided\":");
        number(line, avoided.0);
    }
    put(line, ",\"price_version\":");
    text(line, price_version)?;
    put(line, ",\"first_token_ms\":");
    match first_token_ms {
        Some(ms) => number(line, *ms),
        None => put(line, "null"),
    }
    put(line, ",\"total_ms\":");
    number(line, *total_ms);
    put(line, "}}");
    Ok(())
}

fn write_attempt(line: &mut Vec<u8>, attempt: AttemptId) {
    let AttemptId { request, ordinal } = attempt;
    put(line, "\"attempt\":{\"request\":\"");
    line.extend_from_slice(&request.ascii());
    put(line, "\",\"ordinal\":");
    number(line, ordinal);
    put(line, "}");
}

fn put(line: &mut Vec<u8>, text: &str) {
    line.extend_from_slice(text.as_bytes());
}

fn number(line: &mut Vec<u8>, number: impl itoa::Integer) {
    put(line, itoa::Buffer::new().format(number));
}

/// A name that people chose: nearly always without anything that JSON wants escaped.
fn text(line: &mut Vec<u8>, text: &str) -> io::Result<()> {
    // Every byte is looked at, which takes less time than stopping at the first.
    let escaped = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    if text.bytes().fold(false, |found, byte| found | escaped(byte)) {
        return Ok(serde_json::to_writer(line, text)?);
    }
    line.push(b'"');
    put(line, text);
    line.push(b'"');
    Ok(())
}

#[cfg(test)]
mod tests {
    use terms::{
        dialect::Dialect,
        event::{Entry, Hold, Settlement},
        ids::{AttemptId, RequestId},
        money::NanoUsd,
        outcome::{Ending, Failure},
        time::Timestamp,
        usage::{Usage, UsageSource},
    };

    use super::{CHECKSUM_CHARS, decode, encode};

    fn attempt(ordinal: u8) -> AttemptId {
        AttemptId { request: RequestId::from_parts(1_795_262_400_000, u128::MAX / 3), ordinal }
    }

    fn hold(name: &str, dialect: Dialect) -> Entry {
        Entry::Hold(Hold {
            attempt: attempt(255),
            at: Timestamp(-5),
            key: name.into(),
            principal: "ada".into(),
            team: name.into(),
            route: "fable".into(),
            target: "anthropic/fable".into(),
            provider: "anthropic".into(),
            model: name.into(),
            dialect,
            stream: name.is_empty(),
            estimated_in: u64::MAX,
            ceiling: NanoUsd(i64::MIN),
        })
    }

    fn settlement(ending: Ending, source: UsageSource) -> Entry {
        let failed = matches!(ending, Ending::Failed(_));
        Entry::Settlement(Settlement {
            attempt: attempt(1),
            at: Timestamp(i64::MAX),
            ending,
            usage: Usage {
                uncached_in: 1,
                cache_read: 22,
                cache_write_5m: 333,
                cache_write_1h: 4_444,
                visible_out: 0,
                reasoning_out: u64::MAX,
            },
            source,
            cost: NanoUsd(7),
            avoided: failed.then_some(NanoUsd(-8)),
            price_version: if failed { "a \"quote\"".to_owned() } else { String::new() },
            first_token_ms: failed.then_some(9),
            total_ms: 10,
        })
    }

    #[test]
    fn what_is_written_by_hand_is_what_serde_writes_and_reads() {
        let names =
            ["", "plain", "with \"quotes\"", "back\\slash", "line\nend", "\u{1}", "Größe 🦀"];
        let dialects = [
            Dialect::OpenaiChat,
            Dialect::OpenaiResponses,
            Dialect::AnthropicMessages,
            Dialect::Gemini,
            Dialect::BedrockConverse,
        ];
        let failures = Failure::ALL.iter().copied().map(Ending::Failed);
        let endings = failures.chain([Ending::Answered, Ending::CallerLeft, Ending::Interrupted]);
        let holds = names.iter().flat_map(|name| dialects.map(|dialect| hold(name, dialect)));
        let settlements = endings.flat_map(|ending| {
            UsageSource::ALL.iter().map(move |source| settlement(ending, *source))
        });
        let mut line = Vec::new();
        for entry in holds.chain(settlements) {
            encode(&entry, &mut line).unwrap();
            let (json, end) = line[CHECKSUM_CHARS..].split_at(line.len() - CHECKSUM_CHARS - 1);
            assert_eq!(String::from_utf8_lossy(json), serde_json::to_string(&entry).unwrap());
            assert_eq!(end, b"\n");
            assert_eq!(decode(&line[..line.len() - 1]), Some(entry));
        }
    }
}
