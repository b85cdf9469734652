//! What becomes of streams: the same keys in `[streams]`, where they hold for every route, and in a
//! `[[route]]`.

use decide::upstream_stream::UpstreamStream;
use gateway::{BrokenStream, Streaming};

use crate::config::reader::{Findings, Section};

/// Reads the keys of a section; `base` holds where it says nothing.
pub(crate) fn streaming(
    section: &mut Section<'_, '_>,
    base: Streaming,
    findings: &Findings,
) -> Streaming {
    Streaming {
        broken: broken_stream(section, findings).unwrap_or(base.broken),
        hold_arguments: section.boolean("hold_tool_arguments").unwrap_or(base.hold_arguments),
        upstream: upstream_stream(section, findings).unwrap_or(base.upstream),
    }
}

fn upstream_stream(section: &mut Section<'_, '_>, findings: &Findings) -> Option<UpstreamStream> {
    let word = section.string("upstream_stream")?;
    match word.get_ref().as_str() {
        "auto" => Some(UpstreamStream::Auto),
        "always" => Some(UpstreamStream::Always),
        "never" => Some(UpstreamStream::Never),
        other => {
            findings.report(
                word.span(),
                format!("`{other}` is no way to get an answer that is wanted whole"),
                "write \"auto\" (as a stream, but whole from targets that are busy and quick), \"always\" (as a stream) or \"never\" (whole)",
            );
            None
        }
    }
}

fn broken_stream(section: &mut Section<'_, '_>, findings: &Findings) -> Option<BrokenStream> {
    let word = section.string("broken_stream")?;
    match word.get_ref().as_str() {
        "continue" => Some(BrokenStream::Continue),
        "strict" => Some(BrokenStream::Strict),
        "buffer" => Some(BrokenStream::Buffer),
        other => {
            findings.report(
                word.span(),
                format!("`{other}` is nothing that can become of a stream that breaks off"),
                "write \"continue\" (another target goes on), \"strict\" (it ends with an error) or \"buffer\" (nothing is sent before the answer is whole)",
            );
            None
        }
    }
}
