//! Steady traffic: each person asks, reads the answer, pauses and asks again, until told to stop. A
//! call whose answer breaks off half-way is asked once more, which is what Claude Code and Codex do.

use std::time::Duration;

use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::{sync::watch, task::JoinSet, time::sleep};

use crate::demo::{
    PEOPLE,
    call::{Line, Outcome, call},
    people::{Asks, Person},
    tally::Tally,
    tickets::tickets,
};

/// People who ask.
pub(crate) struct Traffic {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Traffic {
    /// Everyone begins to ask, with the key that belongs to them.
    pub(crate) fn start(base_url: &str, keys: Vec<String>, tally: &Tally) -> Self {
        let (stop, stopped) = watch::channel(false);
        let client = Client::builder(TokioExecutor::new()).build_http();
        let mut tasks = JoinSet::new();
        for (index, (person, key)) in PEOPLE.iter().zip(keys).enumerate() {
            let line = Line { client: client.clone(), base_url: base_url.to_owned(), key };
            tasks.spawn(ask(line, person, index, tally.clone(), stopped.clone()));
        }
        Self { stop, tasks }
    }

    /// No new questions; answers under way are read to their end.
    pub(crate) async fn stop(mut self) {
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

async fn ask(
    line: Line,
    person: &'static Person,
    seat: usize,
    tally: Tally,
    mut stopped: watch::Receiver<bool>,
) {
    let tickets = match person.asks {
        Asks::Tickets => tickets(),
        Asks::Questions(_) => Vec::new(),
    };
    for turn in 0_u64.. {
        let number = usize::try_from(turn).unwrap_or(0);
        let question = match person.asks {
            Asks::Questions(questions) => {
                format!("{} (question {})", questions[number % questions.len()], turn + 1)
            }
            // All over the list: 397 is prime and divides the number of messages not.
            Asks::Tickets => tickets[number * 397 % tickets.len()].text.clone(),
        };
        one(&line, person, &question, &tally).await;
        let pause =
            Duration::from_millis(person.pause_ms + spread(turn, seat, person.pause_ms / 2));
        tokio::select! {
            () = sleep(pause) => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
    }
}

async fn one(line: &Line, person: &Person, question: &str, tally: &Tally) {
    let mut outcome = call(line, person, question, person.stream).await;
    if outcome == Outcome::BrokeOff {
        tally.asked_again();
        outcome = call(line, person, question, false).await;
    }
    match outcome {
        Outcome::Answered { by_fallback } => tally.answered(by_fallback),
        Outcome::BrokeOff | Outcome::Failed => tally.failed(),
    }
}

/// A made-up but repeatable spread, below `most`.
fn spread(turn: u64, seat: usize, most: u64) -> u64 {
    let mixed = (turn + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        ^ (seat as u64).wrapping_mul(0xD1B5_4A32_D192_ED03);
    (mixed >> 33) % most.max(1)
}
