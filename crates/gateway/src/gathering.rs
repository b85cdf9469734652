//! An answer that its caller wants whole, got as a stream: the limits of streams hold for it, so that a
//! target that falls silent is left within seconds. Nothing is sent before it is whole.

use terms::outcome::Failure;
use wire::{Conduct, Needs};

use crate::{
    credential::Credential,
    early::{A_DOCUMENT, Early, not_a_stream},
    flight::Flight,
    provider::Endpoint,
    reply::{Answer, Started, Try},
};

/// What came of asking for a stream.
pub(crate) enum Gathered {
    Answer(Result<(Answer, Vec<String>), Early>),
    /// The answer cannot come as one, or the target does not give any.
    NotStreamed,
}

pub(crate) async fn exchange(
    attempt: &Try<'_>,
    endpoint: &Endpoint,
    credential: Option<&Credential>,
    flight: &mut Flight,
) -> Gathered {
    let dialect = attempt.asked.dialect;
    let Some((head, body)) = wire::as_stream(attempt.head, attempt.body) else {
        return Gathered::NotStreamed;
    };
    let streamed = Try { head: &head, body: &body, gathers: true, ..*attempt };
    let (upstream, dropped) = match streamed.send(endpoint, credential, flight).await {
        Ok(sent) => sent,
        Err(early) if is_about_streams(&early) => {
            flight.refuses_streams();
            return Gathered::NotStreamed;
        }
        Err(early) => return Gathered::Answer(Err(early)),
    };
    if not_a_stream(upstream.headers()) == Some(A_DOCUMENT) {
        // It does not stream, and says all that was asked.
        let whole = attempt.whole(endpoint.dialect, upstream, flight).await;
        if whole.is_ok() {
            flight.refuses_streams();
        }
        return Gathered::Answer(whole.map(|whole| (Answer::Whole(whole), dropped)));
    }
    let answer = match streamed.begin_stream(endpoint, upstream, flight).await {
        Err(early) => Err(early),
        Ok(started) => {
            let whole = wire::gathered(dialect, &started.ready);
            if let Some(conduct) =
                whole.as_ref().and_then(|whole| conduct(attempt, &started, whole))
            {
                flight.behaved(conduct, Some((attempt.head, attempt.body)));
            }
            let unsaid = started.relay.dropped().iter().map(|field| (*field).to_owned());
            let dropped = dropped.into_iter().chain(unsaid).collect();
            whole
                .map(|whole| (Answer::Whole(whole), dropped))
                .ok_or_else(|| Early::malformed("its stream held no answer".to_owned()))
        }
    };
    Gathered::Answer(answer)
}

/// How the answer went. It is read for that only where there is more to see than the stream showed.
fn conduct(attempt: &Try<'_>, started: &Started, whole: &[u8]) -> Option<Conduct> {
    let Needs { tools, json, .. } = attempt.head.needs;
    if tools || json {
        return wire::read_answer(attempt.asked.dialect, whole).map(|said| said.conduct);
    }
    started.relay.conduct()
}

/// Whether a refusal is one of streaming itself, which names it; what an upstream says is no stream.
fn is_about_streams(early: &Early) -> bool {
    let said = early.said.as_ref().map_or("", |said| said.message.as_str());
    let mut words = said.split(|c: char| !c.is_alphanumeric());
    let names_streams =
        |word: &str| word.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("stream"));
    early.failure == Failure::CallerFault && words.any(names_streams)
}
