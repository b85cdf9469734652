//! Where the fields of a request stand in its body that are ours to change, as its first look found them.

use std::ops::Range;

/// Byte ranges of the body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Spans {
    /// Just after the opening brace.
    pub(crate) start: usize,
    /// The value of `model`, quotes included.
    pub(crate) model: Range<usize>,
    /// The value of `stream`.
    pub(crate) stream: Option<Range<usize>>,
    /// Whether the answer is asked for in sound, too.
    pub(crate) sound: bool,
    /// The value of `stream_options`.
    pub(crate) stream_options: Option<Range<usize>>,
    /// The value of `stream_options.include_usage`.
    pub(crate) include_usage: Option<Range<usize>>,
    /// Whether `stream_options` is an object with at least one field.
    pub(crate) stream_options_filled: bool,
    /// The value of the field that holds the turns.
    pub(crate) turns: Range<usize>,
    /// The value of `tools`.
    pub(crate) tools: Range<usize>,
    /// The values of the fields that limit output tokens.
    pub(crate) max_tokens: Vec<Range<usize>>,
    /// The values of the fields by which answers are kept: `store`, `previous_response_id`.
    pub(crate) store: Option<Range<usize>>,
    pub(crate) follows: Option<Range<usize>>,
    /// Whether the turns hold reasoning that only the server that kept it could read.
    pub(crate) stale_reasoning: bool,
    /// Whether the turns name items of earlier answers by their ids.
    pub(crate) references: bool,
    /// From the end of the last assistant message, or of the opening bracket, to the end of
    /// `messages`.
    pub(crate) last_turn: Range<usize>,
}

impl Spans {
    /// The same fields, once what ended at `end` has become longer by so many bytes, or shorter.
    pub(crate) fn moved(&mut self, end: usize, by: isize) {
        let Self {
            start: _,
            model,
            stream,
            sound: _,
            stream_options,
            include_usage,
            stream_options_filled: _,
            turns,
            tools,
            max_tokens,
            store,
            follows,
            stale_reasoning: _,
            references: _,
            last_turn,
        } = self;
        let fields = [stream, stream_options, include_usage, store, follows];
        let optional = fields.into_iter().flatten();
        for span in [model, turns, tools, last_turn].into_iter().chain(max_tokens).chain(optional) {
            for edge in [&mut span.start, &mut span.end] {
                if *edge >= end {
                    *edge = edge.strict_add_signed(by);
                }
            }
        }
    }
}
