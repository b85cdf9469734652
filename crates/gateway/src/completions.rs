//! A legacy completion asked of a model that only chats: the same attempt once more as a chat, in whatever
//! dialect the provider speaks, and the answer turned back.

use http::Response;
use terms::dialect::Dialect;
use wire::{completion_from_chat, completion_records, completions_as_chat, read_head};

use crate::{
    body::ReplyBody,
    early::Early,
    flight::Flight,
    outgoing::Asked,
    reply::{Failed, Try},
    trail::Trail,
};

pub(crate) async fn run_as_chat(
    attempt: &Try<'_>,
    flight: Flight,
    trail: Trail,
) -> Result<Response<ReplyBody>, Box<Failed>> {
    let asked = completions_as_chat(attempt.body).and_then(|body| {
        let head = read_head(Dialect::OpenaiChat, &body)?;
        Ok((head, body))
    });
    let (head, body) = match asked {
        Ok(asked) => asked,
        Err(refusal) => {
            let early = Early::declined(refusal.into());
            return Err(Box::new(attempt.fail(early, flight, trail)));
        }
    };
    let headers = attempt.asked.headers.clone();
    let asked = Asked { dialect: Dialect::OpenaiChat, headers, query: None };
    let chat = Try { asked: &asked, head: &head, body: &body, operation: None, ..*attempt };
    // One more call of the same function, one level deep: chat is no operation.
    let response = Box::pin(chat.run(flight, trail)).await?;
    Ok(response.map(as_completion))
}

fn as_completion(body: ReplyBody) -> ReplyBody {
    match body {
        // A whole answer, or a stream that was over with its first bytes.
        ReplyBody::Whole(Some(whole)) => ReplyBody::whole(
            completion_from_chat(&whole).unwrap_or_else(|_| completion_records(&whole)),
        ),
        ReplyBody::Stream(stream) => ReplyBody::Completions(stream),
        other => other,
    }
}
