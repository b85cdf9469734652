//! An attempt at someone within this process: nothing is sent, nothing is waited for, and the answer is
//! whole at once, also for a caller that asked for a stream.

use terms::usage::Usage;
use wire::{ErrorKind, Spoken, read_question, write_spoken};

use crate::{
    early::Early,
    errors,
    flight::{BYTES_PER_TOKEN, Flight},
    provider::Answerer,
    reply::{Answer, Try},
};

pub(crate) fn ask(
    attempt: &Try<'_>,
    answerer: &dyn Answerer,
    flight: &mut Flight,
) -> Result<(Answer, Vec<String>), Early> {
    let dialect = attempt.asked.dialect;
    let question = read_question(dialect, attempt.body)
        .ok_or_else(|| Early::declined(not_a_plain_question()))?;
    let text = answerer
        .answer(&flight.target.model, &question)
        .map_err(|declined| Early::declined(*declined))?;
    flight.may_cost = true;
    flight.output_bytes = text.len() as u64;
    let usage = Usage {
        uncached_in: attempt.head.input_bytes.div_ceil(BYTES_PER_TOKEN),
        visible_out: flight.output_bytes.div_ceil(BYTES_PER_TOKEN),
        ..Usage::default()
    };
    let options = attempt.stream_options(flight);
    let spoken = Spoken { text: &text, usage };
    if attempt.keeping.is_some_and(|keeping| keeping.own.kept) {
        attempt.keep(flight, Some(&write_spoken(dialect, &spoken, false, &options)));
    }
    Ok((Answer::Whole(write_spoken(dialect, &spoken, attempt.head.stream, &options)), Vec::new()))
}

fn not_a_plain_question() -> wire::ErrorReply {
    errors::reply(
        ErrorKind::BadRequest,
        "not_a_plain_question",
        "this model takes one user message of text, with or without a system message; no earlier turns, images, tools or schemas",
    )
}
