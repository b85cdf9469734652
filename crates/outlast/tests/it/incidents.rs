//! A model that is changed without a word: noticed in live traffic, shown by commands, still known after
//! `kill -9`, and closed by a person; and a canary that is asked by itself.

use simulator::{Manner, Vendor, VendorSpec};
use terms::dialect::Dialect;

use crate::program::{Place, Server};

const QUESTION: &str = r#"{"model":"fast","messages":[{"role":"user","content":"hi"}]}"#;

fn place(vendor: &Vendor, more: &str) -> (Place, String) {
    let place = Place::new(&[]);
    place.write(
        "outlast.toml",
        &format!(
            "[lifecycle]\nlists_hours = 0\n[signs]\nhistory = 20\nfalse_alarm_in = 100\nlasts = \"1ms\"\n{more}\n[[provider]]\nname = \"local\"\nbase_url = \"{}/v1\"\n\n[[route]]\nname = \"fast\"\ntargets = [\"local/m\"]\n",
            vendor.base_url()
        ),
    );
    let key = place.key();
    (place, key)
}

async fn ask(server: &Server, key: &str, times: u32) {
    for _ in 0..times {
        let reply = server.post_with("/v1/chat/completions", key, &[], QUESTION).await;
        assert_eq!(reply.status, 200);
    }
}

#[tokio::test]
async fn a_silent_change_is_an_incident_until_somebody_closes_it_also_over_a_crash() {
    let vendor =
        Vendor::start(VendorSpec::new("local", Dialect::OpenaiChat, &["m"])).await.unwrap();
    let (place, key) = place(&vendor, "");
    let server = place.serve();
    ask(&server, &key, 40).await;
    assert_eq!(place.print(&["incidents", "list"]), "no target answered otherwise than before");
    vendor.set_manner(Manner::Text("I'm sorry, but I can't help with that.".to_owned()));
    ask(&server, &key, 40).await;
    // It is told once it is kept.
    assert!(server.logs("refuses more often").contains("local/m"));
    server.kill();

    let listed = place.print(&["incidents", "list"]);
    let row = listed.lines().find(|line| line.contains("refuses more often")).unwrap();
    assert!(row.contains("local/m") && row.contains("open"), "{listed}");
    let id = row.split_whitespace().next().unwrap();
    let shown = place.print(&["incidents", "show", id]);
    for part in ["Seen in the answers of one principal", "before: 0 %", "req_"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let without = place.run(&["incidents", "close", id]);
    assert!(String::from_utf8(without.stderr).unwrap().contains("no outlast runs on"));

    let server = place.serve();
    ask(&server, &key, 1).await;
    let wrong = place.run(&["incidents", "close", "inc_nobody"]);
    assert!(String::from_utf8(wrong.stderr).unwrap().contains("no incident of this name is open"));
    place.print(&["incidents", "close", id]);
    ask(&server, &key, 40).await;
    server.stop();
    let listed = place.print(&["incidents", "list"]);
    assert!(listed.contains("closed by admin (API)"), "{listed}");
    assert_eq!(listed.matches("refuses more often").count(), 1, "it is normal now: {listed}");
}

// The vendor answers while the test waits for the log.
#[tokio::test(flavor = "multi_thread")]
async fn a_canary_is_asked_by_itself_once_when_due_and_is_in_the_books() {
    let vendor =
        Vendor::start(VendorSpec::new("local", Dialect::OpenaiChat, &["m"])).await.unwrap();
    let canaries = "[[canary]]\nname = \"greets\"\ntargets = [\"local/m\"]\nprompt = \"hi\"\ncontains = [\"FOX\"]\n[[canary]]\nname = \"counts\"\nroute = \"fast\"\nprompt = \"hi\"\njson = true\n";
    let (place, key) = place(&vendor, canaries);
    let server = place.serve();
    let said = [server.logs("a canary was asked"), server.logs("a canary was asked")].concat();
    assert!(said.contains("passed") && said.contains("failed"), "{said}");
    server.stop();
    let server = place.serve();
    ask(&server, &key, 20).await;
    server.stop();
    assert_eq!(vendor.stats().requests, 22, "they are not due yet");
    let listed = place.print(&["incidents", "list"]);
    assert!(
        listed.contains("passed") && listed.contains("failed: the answer is no JSON"),
        "{listed}"
    );
    let books = place.usage("principal");
    let canary = books.iter().find(|row| row["labels"]["principal"] == "canary").unwrap();
    assert_eq!(canary["requests"], 2, "{books:?}");
}
