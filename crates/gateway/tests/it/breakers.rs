//! Sessions and their breakers: asked once, still answered, refused once stopped, and a human
//! restarts the count.

use decide::breaker::{Answer, BreakerLimits, More};
use http::{Method, StatusCode};
use ledger::SessionView;
use simulator::Fault;
use store::SpendDimension;
use terms::{
    breaker::{Autonomy, BreakerState, ClientFamily},
    dialect::Dialect,
    money::NanoUsd,
};

use crate::harness::{
    CHAT, House, MESSAGES, RESPONSES, Reply, path, provider, question, table, vendor,
};

/// A turn of an agent in its loop: the last that happened is a tool's result.
fn loop_turn(dialect: Dialect, stream: bool) -> String {
    let turns = match dialect {
        Dialect::Gemini => unreachable!("no test of sessions asks in it"),
        Dialect::OpenaiResponses => {
            return format!(
                r#"{{"model":"r","store":false,"stream":{stream},"input":[{{"role":"user","content":"hi"}},{{"type":"function_call","call_id":"t","name":"n","arguments":"{{}}"}},{{"type":"function_call_output","call_id":"t","output":"done"}}]}}"#
            );
        }
        Dialect::OpenaiChat => {
            r#"{"role":"assistant","tool_calls":[{"id":"t","type":"function","function":{"name":"n","arguments":"{}"}}]},{"role":"tool","tool_call_id":"t","content":"done"}"#
        }
        Dialect::AnthropicMessages => {
            r#"{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"n","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"done"}]}"#
        }
        Dialect::BedrockConverse => unreachable!("no caller speaks it"),
    };
    let field = if dialect == Dialect::OpenaiResponses { "input" } else { "messages" };
    format!(
        r#"{{"model":"r","max_tokens":64,"stream":{stream},"{field}":[{{"role":"user","content":"hi"}},{turns}]}}"#
    )
}

/// A gateway that asks after any cost at all.
async fn house(dialect: Dialect) -> (House, simulator::Vendor) {
    let only = vendor("only", dialect, &["m"]).await;
    let house = House::open(table("r", &[(provider("only", &only, dialect), "m")])).await;
    let limits = Autonomy { autonomous_ms: u64::MAX, cost: NanoUsd(1) };
    house.ledger().set_breaker_limits(BreakerLimits(limits));
    house.ledger().set_console("http://127.0.0.1:4101");
    (house, only)
}

async fn send(
    house: &House,
    dialect: Dialect,
    body: String,
    headers: &[(&'static str, &str)],
) -> Reply {
    let mut request = house.request(Method::POST, path(dialect), body);
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    house.send(request).await
}

fn sessions(house: &House) -> Vec<SessionView> {
    house.ledger().breaker_board().sessions
}

const AGENT: &[(&str, &str)] =
    &[("x-claude-code-session-id", "0198c5e2-f1a9-7c3b"), ("user-agent", "claude-cli/2.1.197 (x)")];

#[tokio::test]
async fn a_session_past_its_limit_is_asked_about_once_and_still_answered() {
    let (house, _only) = house(MESSAGES).await;
    for stream in [false, true, false] {
        let reply = send(&house, MESSAGES, loop_turn(MESSAGES, stream), AGENT).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    }
    let found = sessions(&house);
    assert_eq!(found.len(), 1);
    let session = &found[0];
    assert_eq!((session.state, session.version, session.open), (BreakerState::Pinged, 1, 0));
    assert_eq!(session.key.principal.as_str(), "ada", "the key's owner, whatever a header says");
    assert_eq!(session.key.client, ClientFamily::ClaudeCode);
    assert_eq!(session.agent.as_str(), "claude-cli/2.1.197");
    assert_eq!(session.evidence.requests, 3);
    let spent = session.evidence.used.cost;
    let rows = house.close(&[SpendDimension::Principal]).await;
    assert_eq!(spent, rows[0].cost, "the session's cost is what the books hold");
}

/// Codex asks six times over on 402, and once on this; it shows the text of the header.
#[tokio::test]
async fn a_stopped_session_of_codex_is_told_as_a_usage_limit() {
    let (house, only) = house(RESPONSES).await;
    let codex = &[("originator", "codex_exec"), ("session-id", "0198c5e2-f1a9-7c3b")];
    send(&house, RESPONSES, loop_turn(RESPONSES, false), codex).await;
    let session = sessions(&house).remove(0);
    assert_eq!(session.key.client, ClientFamily::Codex);
    house.ledger().answer_breaker(&session.id, None, Answer::Stop, "admin (console)").unwrap();
    let sent = only.received().len();
    let reply = send(&house, RESPONSES, loop_turn(RESPONSES, true), codex).await;
    assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(reply.header("x-should-retry"), "false");
    assert_eq!(reply.header("retry-after"), "", "Codex would sleep through it");
    let error = &reply.json()["error"];
    assert_eq!(
        (&error["type"], &error["code"]),
        (&"usage_limit_reached".into(), &"spend_stopped".into())
    );
    let shown = reply.header("x-codex-promo-message");
    assert!(shown.contains("on its own") && shown.contains(session.id.as_str()), "{shown}");
    assert_eq!(only.received().len(), sent);
}

#[tokio::test]
async fn a_stopped_session_is_refused_in_its_dialect_and_nothing_is_sent() {
    for dialect in [CHAT, MESSAGES] {
        let (house, only) = house(dialect).await;
        let session = &[("x-session-id", "a-stopped-session")];
        send(&house, dialect, loop_turn(dialect, false), session).await;
        let id = sessions(&house)[0].id.clone();
        house.ledger().answer_breaker(&id, None, Answer::Stop, "admin (console)").unwrap();
        let sent = only.received().len();
        for (body, stream) in [
            (loop_turn(dialect, false), false),
            (loop_turn(dialect, true), true),
            (question("r", true), true),
        ] {
            let reply = send(&house, dialect, body, session).await;
            assert_eq!(reply.status, StatusCode::PAYMENT_REQUIRED, "stream: {stream}");
            assert_eq!(reply.header("x-should-retry"), "false");
            assert_eq!(reply.header("retry-after"), "", "clients would sleep through it");
            assert_eq!(reply.header("content-type"), "application/json", "no stream was begun");
            let error = &reply.json()["error"];
            let kind = if dialect == CHAT { "insufficient_quota" } else { "billing_error" };
            assert_eq!(
                (error["type"].as_str(), error["code"].as_str()),
                (Some(kind), Some("spend_stopped"))
            );
            let said = error["message"].as_str().unwrap();
            for part in
                ["on its own", "admin (console)", "http://127.0.0.1:4101/breakers", id.as_str()]
            {
                assert!(said.contains(part), "{said}");
            }
            assert!(said.is_ascii() && said.len() < 300);
        }
        assert_eq!(only.received().len(), sent, "nothing went upstream");
        let totals = house.ledger().activity().snapshot();
        assert_eq!((totals.refused, totals.requests, totals.in_flight), (3, 1, 0));
        let other =
            send(&house, dialect, loop_turn(dialect, false), &[("x-session-id", "another-one")])
                .await;
        assert_eq!(other.status, StatusCode::OK, "only that session");
        let rows = house.close(&[SpendDimension::Principal]).await;
        assert_eq!(rows[0].attempts, 2, "a refusal is no attempt");
    }
}

#[tokio::test]
async fn a_yes_lets_it_go_on() {
    let (house, _only) = house(MESSAGES).await;
    send(&house, MESSAGES, loop_turn(MESSAGES, false), AGENT).await;
    let id = sessions(&house)[0].id.clone();
    let answer = |answer| house.ledger().answer_breaker(&id, None, answer, "admin").unwrap();
    answer(Answer::Stop);
    assert_eq!(send(&house, MESSAGES, loop_turn(MESSAGES, false), AGENT).await.status, 402);
    answer(Answer::Confirm(More { cost: Some(NanoUsd(1_000_000_000)), ..More::default() }));
    assert_eq!(send(&house, MESSAGES, loop_turn(MESSAGES, false), AGENT).await.status, 200);
    assert_eq!(sessions(&house)[0].state, BreakerState::Closed, "a dollar is not used up by that");
}

#[tokio::test]
async fn a_human_restarts_the_count_and_an_agents_agent_is_no_human() {
    let (house, _only) = house(MESSAGES).await;
    send(&house, MESSAGES, loop_turn(MESSAGES, false), AGENT).await;
    assert_eq!(sessions(&house)[0].state, BreakerState::Pinged);
    let of_an_agent: Vec<_> =
        AGENT.iter().copied().chain([("x-claude-code-agent-id", "agent-1")]).collect();
    send(&house, MESSAGES, question("r", false), &of_an_agent).await;
    let session = sessions(&house).remove(0);
    assert_eq!((session.state, session.evidence.requests), (BreakerState::Pinged, 2));
    assert_eq!(session.evidence.last_human, None);
    let before = session.evidence.used.cost;
    send(&house, MESSAGES, question("r", false), AGENT).await;
    let session = sessions(&house).remove(0);
    assert_eq!(session.evidence.requests, 0, "requests since a human spoke");
    assert!(session.evidence.used.cost < before && session.evidence.last_human.is_some());
    let events = house.ledger().breaker_board().events;
    let named: Vec<_> = events.iter().map(|event| event.change.name()).collect();
    assert_eq!(named, ["pinged", "human_spoke", "pinged"]);
}

#[tokio::test]
async fn a_provider_that_wants_to_be_paid_is_not_asked_again_either() {
    for (dialect, kind) in [(CHAT, "insufficient_quota"), (MESSAGES, "billing_error")] {
        let (house, only) = house(dialect).await;
        only.set_fault(Fault::Status {
            status: 402,
            code: None,
            message: Some("top up your account".to_owned()),
            headers: Vec::new(),
            times: None,
        });
        let reply = house.ask(dialect, "r", true).await;
        assert_eq!(reply.status, StatusCode::PAYMENT_REQUIRED);
        assert_eq!(reply.header("x-should-retry"), "false");
        let error = &reply.json()["error"];
        assert_eq!(error["type"], kind);
        assert_eq!(error["code"], "upstream_billing", "told apart from a breaker of ours");
    }
}

#[tokio::test]
async fn without_a_session_nothing_is_watched() {
    let (house, _only) = house(CHAT).await;
    for headers in [&[][..], &[("x-session-id", "no id!")][..]] {
        let reply = send(&house, CHAT, loop_turn(CHAT, false), headers).await;
        assert_eq!(reply.status, StatusCode::OK);
    }
    assert!(sessions(&house).is_empty());
}
