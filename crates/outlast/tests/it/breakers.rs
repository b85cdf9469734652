//! A session that ran on: shown by commands, stopped by one, still stopped after `kill -9`, and let
//! go on by another.

use simulator::{Vendor, VendorSpec};
use terms::dialect::Dialect;

use crate::program::{Place, Reply, Server};

const SESSION: &[(&str, &str)] = &[("x-session-id", "nightly-job-1"), ("user-agent", "agent/1.0")];

/// A turn of an agent on its own: the last that happened is a tool's result.
const TURN: &str = r#"{"model":"fast","messages":[{"role":"user","content":"hi"},{"role":"assistant","tool_calls":[{"id":"t","type":"function","function":{"name":"n","arguments":"{}"}}]},{"role":"tool","tool_call_id":"t","content":"done"}]}"#;

async fn ask(server: &Server, key: &str) -> Reply {
    server.post_with("/v1/chat/completions", key, SESSION, TURN).await
}

#[tokio::test]
async fn a_stopped_session_stays_stopped_over_a_crash_until_somebody_says_yes() {
    let vendor =
        Vendor::start(VendorSpec::new("local", Dialect::OpenaiChat, &["m"])).await.unwrap();
    let place = Place::new(&[]);
    place.write(
        "outlast.toml",
        &format!(
            "[breaker]\nautonomous = \"2h\"\ncost = 0.000001\n\n[[provider]]\nname = \"local\"\nbase_url = \"{}/v1\"\n\n[[route]]\nname = \"fast\"\ntargets = [\"local/m\"]\n",
            vendor.base_url()
        ),
    );
    let key = place.key();
    let server = place.serve();
    assert_eq!(place.print(&["breaker", "list"]), "no session asks, and none is stopped");
    assert_eq!(ask(&server, &key).await.status, 200);
    assert!(server.logs("was that meant?").contains("nightly-job-1"));
    let listed = place.print(&["breaker", "list"]);
    for part in ["asks", "ada", "agent/1.0", "nightly-job-1"] {
        assert!(listed.contains(part), "{part}: {listed}");
    }
    let id = listed.lines().nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    assert!(place.print(&["sessions"]).contains(&id));

    place.print(&["breaker", "stop", &id]);
    let refused = ask(&server, &key).await;
    assert_eq!((refused.status.as_u16(), refused.header("x-should-retry")), (402, "false"));
    assert!(refused.text.contains(&format!("outlast breaker confirm {id}")), "{}", refused.text);
    server.kill();

    let without = place.run(&["breaker", "confirm", &id]);
    assert!(String::from_utf8(without.stderr).unwrap().contains("no outlast runs on"));
    let server = place.serve();
    assert_eq!(ask(&server, &key).await.status, 402, "after a crash too");
    let wrong = place.run(&["breaker", "confirm", &id, "--cost", "lots"]);
    assert!(String::from_utf8(wrong.stderr).unwrap().contains("`lots` is no amount"));
    let unknown = place.run(&["breaker", "stop", "br_nobody"]);
    assert!(String::from_utf8(unknown.stderr).unwrap().contains("no session has this breaker"));
    place.print(&["breaker", "confirm", &id, "--cost", "5", "--hours", "2"]);
    assert_eq!(ask(&server, &key).await.status, 200);
    assert_eq!(place.print(&["breaker", "list"]), "no session asks, and none is stopped");
    server.stop();
}
