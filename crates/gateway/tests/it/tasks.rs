//! Tasks: a student answers in every dialect, leaves what it is not sure of to its teacher, and steps in
//! where no teacher can be reached.

use std::sync::Arc;

use gateway::{Answerer, Deployed, Provider, Source, Table, Task};
use http::StatusCode;
use simulator::{Fault, Vendor};
use store::SpendDimension;
use terms::{dialect::Dialect, ids::ModelName};
use wire::{ErrorKind, ErrorReply};

use crate::harness::{
    CHAT, FAST, FOX, House, MESSAGES, RESPONSES, path, provider, table, vendor, whole_text,
};

/// Knows cards, and guesses where it may not decline.
#[derive(Debug)]
struct CardStudent;

impl Answerer for CardStudent {
    fn answer(&self, model: &ModelName, question: &str) -> Result<String, Box<ErrorReply>> {
        if question.contains("card") {
            return Ok("card_arrival".to_owned());
        }
        if model.as_str() == "unsure" {
            return Ok("a_guess".to_owned());
        }
        let (kind, code) = (ErrorKind::BadRequest, "not_sure");
        Err(Box::new(ErrorReply { kind, code, message: "not sure".to_owned(), param: None }))
    }
}

fn students() -> Arc<Provider> {
    let source = Source::InProcess(Arc::new(CardStudent));
    Arc::new(Provider { name: "students".into(), source, limits: FAST })
}

fn task(serves: bool) -> Task {
    let deployed = Deployed { provider: students(), sure: "sure".into(), unsure: "unsure".into() };
    Task {
        name: "task:intent".into(),
        instruction: "Sort the message by its intent.".to_owned(),
        teacher: "teacher".into(),
        student: serves.then_some(deployed),
    }
}

fn with_teacher(teacher: &Vendor) -> Table {
    table("teacher", &[(provider("vendor", teacher, CHAT), "m")])
}

/// A question to the task, in the caller's dialect.
fn asking_in(dialect: Dialect, content: &str, stream: bool) -> String {
    if dialect != RESPONSES {
        return asking(content, stream);
    }
    format!(r#"{{"model":"task:intent","store":false,"stream":{stream},"input":"{content}"}}"#)
}

/// A task whose student serves, and its teacher.
pub(crate) fn with_student(teacher: &Vendor) -> Table {
    with_teacher(teacher).with_tasks(vec![task(true)])
}

pub(crate) fn asking(content: &str, stream: bool) -> String {
    format!(
        r#"{{"model":"task:intent","max_tokens":64,"stream":{stream},"messages":[{{"role":"user","content":"{content}"}}]}}"#
    )
}

#[tokio::test]
async fn the_student_answers_in_every_dialect_and_its_teacher_is_not_asked() {
    let teacher = vendor("vendor", CHAT, &["m"]).await;
    let house = House::open(with_student(&teacher)).await;
    for dialect in [CHAT, RESPONSES, MESSAGES] {
        for stream in [false, true] {
            let reply =
                house.post(path(dialect), asking_in(dialect, "where is my card?", stream)).await;
            assert_eq!(whole_text(dialect, stream, &reply), "card_arrival");
            assert_eq!(reply.header("x-outlast-target"), "students/sure");
            assert_eq!(reply.header("x-outlast-fallback-reason"), "");
        }
    }
    assert_eq!(teacher.stats().requests, 0);
    let rows = house.close(&[SpendDimension::Route]).await;
    assert_eq!((rows[0].labels[0].as_str(), rows[0].requests), ("task:intent", 6));
    // The teacher's price is unknown here, so it counts as dear: a student never looks worthless.
    assert!(rows[0].avoided_cost.0 > 0);
}

#[tokio::test]
async fn what_the_student_is_not_sure_of_is_left_to_its_teacher_with_the_instruction() {
    for dialect in [CHAT, RESPONSES, MESSAGES] {
        for stream in [false, true] {
            let teacher = vendor("vendor", CHAT, &["m"]).await;
            let house = House::open(with_student(&teacher)).await;
            let reply = house.post(path(dialect), asking_in(dialect, "good morning", stream)).await;
            assert_eq!(whole_text(dialect, stream, &reply), FOX);
            assert_eq!(reply.header("x-outlast-target"), "vendor/m");
            assert_eq!(reply.header("x-outlast-fallback-reason"), "declined");
            let heard = teacher.received().pop().unwrap();
            assert!(String::from_utf8_lossy(&heard.body).contains("Sort the message"));
            let snapshot = house.ledger().activity().snapshot();
            assert!(snapshot.failovers.is_empty(), "declining is no failover");
            let totals = &snapshot.students["task:intent"];
            assert_eq!((totals.answered, totals.declined, totals.avoided.0), (0, 1, 0));
            let rows = house.close(&[SpendDimension::Provider]).await;
            assert!(rows.iter().all(|row| row.failed_attempts == 0), "{rows:?}");
        }
    }
}

#[tokio::test]
async fn where_no_teacher_can_be_reached_the_student_answers_all_the_same() {
    let teacher = vendor("vendor", CHAT, &["m"]).await;
    teacher.set_fault(Fault::Hang);
    let house = House::open(with_student(&teacher)).await;
    let reply = house.post(path(CHAT), asking("good morning", false)).await;
    assert_eq!(whole_text(CHAT, false, &reply), "a_guess");
    assert_eq!(reply.header("x-outlast-target"), "students/unsure");
    assert_eq!(reply.header("x-outlast-fallback-reason"), "timed_out");
}

#[tokio::test]
async fn more_than_a_plain_question_goes_to_the_teacher() {
    let teacher = vendor("vendor", CHAT, &["m"]).await;
    let house = House::open(with_student(&teacher)).await;
    let tools = r#"{"model":"task:intent","messages":[{"role":"user","content":"card"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]}"#;
    let turns = r#"{"model":"task:intent","messages":[{"role":"user","content":"card"},{"role":"assistant","content":"?"},{"role":"user","content":"card"}]}"#;
    for body in [tools, turns] {
        let reply = house.post(path(CHAT), body).await;
        assert_eq!(whole_text(CHAT, false, &reply), FOX);
    }
}

#[tokio::test]
async fn without_its_student_a_task_is_its_teacher_and_callers_change_nothing() {
    let teacher = vendor("vendor", CHAT, &["m"]).await;
    let house = House::open(with_student(&teacher)).await;
    house.gateway.reload(with_teacher(&teacher).with_tasks(vec![task(false)]));
    let reply = house.post(path(MESSAGES), asking("where is my card?", true)).await;
    assert_eq!(whole_text(MESSAGES, true, &reply), FOX);
    assert_eq!(reply.header("x-outlast-target"), "vendor/m");
}

#[tokio::test]
async fn what_nobody_takes_is_told_in_the_words_of_who_declined() {
    let only = |model: &str| table("r", &[(students(), model)]);
    for (dialect, code) in [(CHAT, "/error/code"), (MESSAGES, "/error/message")] {
        let house = House::open(only("sure")).await;
        let body = asking("good morning", false).replace("task:intent", "r");
        let reply = house.post(path(dialect), body).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{}", reply.text());
        let json = reply.json();
        let said = json.pointer(code).unwrap().as_str().unwrap();
        assert!(said.contains("not_sure") || said.contains("not sure"), "{said}");
    }
}

#[tokio::test]
async fn a_request_that_one_dialect_cannot_say_goes_to_a_target_that_can() {
    let first = vendor("first", Dialect::AnthropicMessages, &["m"]).await;
    let second = vendor("second", CHAT, &["m"]).await;
    let targets =
        [(provider("first", &first, MESSAGES), "m"), (provider("second", &second, CHAT), "m")];
    let house = House::open(table("r", &targets)).await;
    let body = r#"{"model":"r","n":2,"messages":[{"role":"user","content":"hi"}]}"#;
    let reply = house.post(path(CHAT), body).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    assert_eq!((first.stats().requests, second.stats().requests), (0, 1));
    let alone = House::open(table("r", &targets[..1])).await;
    let reply = alone.post(path(CHAT), body).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert_eq!(reply.json()["error"]["code"], "unsupported_across_dialects");
}

#[tokio::test]
async fn a_task_takes_what_its_teacher_takes_and_tells_the_teachers_reason() {
    let teacher = vendor("vendor", CHAT, &["m"]).await;
    let house = House::open(with_student(&teacher)).await;
    let two =
        r#"{"model":"task:intent","n":2,"messages":[{"role":"user","content":"good morning"}]}"#;
    let reply = house.post(path(CHAT), two).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    let heard = teacher.received().pop().unwrap();
    assert!(String::from_utf8_lossy(&heard.body).contains("Sort the message"));

    let messages = vendor("vendor", MESSAGES, &["m"]).await;
    let targets = table("teacher", &[(provider("vendor", &messages, MESSAGES), "m")]);
    let house = House::open(targets.with_tasks(vec![task(true)])).await;
    let reply = house.post(path(CHAT), two).await;
    assert_eq!(reply.json()["error"]["code"], "unsupported_across_dialects", "{}", reply.text());
}
