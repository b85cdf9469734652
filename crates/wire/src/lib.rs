//! Dialects: bytes to one canonical request, reply or event and back, and incremental streams.
//! What a dialect cannot say is listed, never dropped in silence. No I/O, no clock, no rules: the
//! caller of this crate reads and writes the bytes and decides where they go.

mod address;
mod bare;
mod completions;
mod conduct;
mod elements;
mod embeddings;
mod error;
mod event_stream;
mod file_ids;
mod frames;
mod gather;
mod habits;
mod head;
mod head_rules;
mod held_call;
mod human;
mod json_array;
mod kept;
mod models;
mod opening;
mod passed;
mod question;
mod reply;
mod request;
mod resume;
mod seal;
mod sealing;
mod spans;
mod spoken;
mod stream;
mod unseal;
mod upstream_error;

mod canonical;
mod dialect;
mod json;
mod provider_dialect;
mod splice;
mod sse;

pub use address::{addressed, unaddressed};
pub use bare::without_reasoning;
pub use canonical::event::StopReason;
pub use completions::{completion_from_chat, completion_records, completions_as_chat};
pub use conduct::{Conduct, SaidAnswer, read_answer};
pub use embeddings::{
    AnsweredEmbeddings, AskedEmbeddings, embeddings_for_gemini, embeddings_for_openai,
};
pub use error::{
    BadRequest, ErrorKind, ErrorReply, Malformed, UpstreamError, error_body, error_event,
    error_status,
};
pub use file_ids::{mark_file_id, unmark_file_ids};
pub use frames::Framing;
pub use gather::{as_stream, gathered};
pub use habits::{Envelope, Habits, Prefill, ReasoningBack, adapt};
pub use head::{Head, Needs, read_head};
pub use human::human_spoke;
pub use json_array::JsonArray;
pub use kept::{
    ListedItem, OwnReply, asked_items, asked_one_by_one, has_references, is_sealed, listed_items,
    said_items, said_one_by_one, with_items,
};
pub use models::{ModelRow, model_row, models_list};
pub use opening::opening;
pub use passed::{
    read_passed_answer, read_passed_form, read_passed_json, rename_each, rename_passed,
};
pub use question::read_question;
pub use reply::{RelayedReply, relay_reply, relay_reply_with};
pub use request::{Upstream, UpstreamRequest, encode_lossy, encode_request};
pub use resume::{GO_ON, Prefills, Resumption, Unfinished};
pub use spoken::{Spoken, write_spoken};
pub use stream::{Finish, Progress, StreamOptions, StreamRelay};
pub use unseal::without_seals;
pub use upstream_error::read_error;
