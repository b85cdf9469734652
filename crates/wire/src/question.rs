//! A request that is one plain question: what a model that knows one task alone can be asked.

use terms::dialect::Dialect;

use crate::{
    canonical::request::{Block, Request, Speaker},
    dialect,
};

/// The text of a request that consists of one user turn of text, with or without an instruction before
/// it. `None` where it holds more: earlier turns, images, tools, a shape that the answer must have.
pub fn read_question(dialect: Dialect, body: &[u8]) -> Option<String> {
    let request = dialect::codec(dialect).decode_request(body, dialect).ok()?;
    plain_question(&request)
}

fn plain_question(request: &Request<'_>) -> Option<String> {
    if !request.tools.is_empty() || request.output_format.is_some() {
        return None;
    }
    let mut turns = request.turns.iter().filter(|turn| turn.speaker != Speaker::System);
    let turn = turns.next().filter(|turn| turn.speaker == Speaker::User)?;
    if turns.next().is_some() {
        return None;
    }
    let mut question = String::new();
    for block in &turn.blocks {
        let Block::Text(text) = block else { return None };
        if !question.is_empty() {
            question.push('\n');
        }
        question.push_str(text);
    }
    Some(question)
}
