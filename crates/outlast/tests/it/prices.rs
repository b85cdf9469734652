//! Prices that change while the program runs: what a list changes and what that costs, what waits for a
//! person, and that nothing is changed by a list that is none.

use simulator::{Vendor, VendorSpec};
use terms::dialect::Dialect;

use crate::program::{Place, Server, question};

/// Opus a fifth dearer than its $5 in and $25 out, GPT-5.5 at a hundredth of what it costs.
const LIST: &str = r#"{
    "claude-opus-4-8": {"litellm_provider": "anthropic", "mode": "chat",
        "input_cost_per_token": 6e-06, "output_cost_per_token": 3e-05},
    "gpt-5.5": {"litellm_provider": "openai", "mode": "chat",
        "input_cost_per_token": 5e-08, "output_cost_per_token": 3e-07}
}"#;

async fn cost(server: &Server, key: &str, model: &str) -> (String, f64) {
    let reply = server.post("/v1/chat/completions", key, &question(model, false)).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    (reply.header("x-outlast-target").to_owned(), reply.header("x-outlast-cost").parse().unwrap())
}

#[tokio::test]
async fn a_list_is_shown_taken_over_and_what_moved_far_waits() {
    let start = |name: &'static str, model: &'static str| {
        Vendor::start(VendorSpec::new(name, Dialect::OpenaiChat, &[model]))
    };
    let anthropic = start("anthropic", "claude-opus-4-8").await.unwrap();
    let openai = start("openai", "gpt-5.5").await.unwrap();
    let place = Place::new(&[]);
    let provider = |name: &str, vendor: &Vendor| {
        format!(
            "[[provider]]\nname = \"{name}\"\nbase_url = \"{}/v1\"\napi_key = \"k\"\ndialects = [\"openai-chat\"]\n\n",
            vendor.base_url()
        )
    };
    let route = "[[route]]\nname = \"cheap\"\nprefer = \"cost\"\ntargets = [\"openai/gpt-5.5\", \"anthropic/claude-opus-4-8\"]\n\n[lifecycle]\nlists_hours = 0\n\n[prices]\nalert_floor_usd_per_month = 0\n";
    let config = provider("anthropic", &anthropic) + &provider("openai", &openai) + route;
    place.write("outlast.toml", &config);
    place.write("list.json", LIST);
    let server = place.serve();
    let key = place.key();
    let (target, opus) = cost(&server, &key, "claude-opus-4-8").await;
    assert_eq!(target, "anthropic/claude-opus-4-8");
    let (_, gpt) = cost(&server, &key, "gpt-5.5").await;
    let cheaper = if opus < gpt { "anthropic/claude-opus-4-8" } else { "openai/gpt-5.5" };
    assert_eq!(cost(&server, &key, "cheap").await.0, cheaper);
    server.stop();

    // Nobody runs: the command does it itself, with the traffic in the books.
    let shown = place.print(&["prices", "refresh", "--from", "list.json"]);
    let row = shown.lines().find(|line| line.starts_with("anthropic/claude-opus-4-8")).unwrap();
    assert!(row.contains("$5 → $6") && row.contains("$25 → $30"), "{shown}");
    let row = shown.lines().find(|line| line.starts_with("openai/gpt-5.5")).unwrap();
    assert!(row.contains("waits: moved more than 5 times"), "{shown}");
    assert!(shown.contains("--apply takes these over"), "{shown}");
    assert!(shown.contains("above the limits of [prices]"), "{shown}");
    assert!(place.print(&["prices"]).starts_with("prices of 2026-11-20"), "nothing was taken over");

    for (name, text, says) in [
        ("half.json", &LIST[..200], "is no JSON"),
        ("other.json", r#"{"a": {"b": 1}}"#, "this is no price list that is known here"),
        (
            "bad.json",
            &LIST.replace("3e-05", "-3e-05"),
            "output_cost_per_token of claude-opus-4-8 is -3e-05",
        ),
        (
            "strange.json",
            &LIST.replace("anthropic", "x").replace("openai", "y"),
            "names none of the models",
        ),
    ] {
        place.write(name, text);
        let refused = place.run(&["prices", "refresh", "--from", name, "--apply"]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains(says), "{name}: {said}");
    }
    let missing = place.run(&["prices", "refresh", "--from", "nowhere.json"]);
    assert!(String::from_utf8_lossy(&missing.stderr).contains("nowhere.json cannot be read"));
    assert!(
        place.print(&["prices"]).starts_with("prices of 2026-11-20\n")
            || !place.path("outlast-data/prices").exists()
    );

    // Somebody runs: the new prices hold at once, past costs stay.
    let server = place.serve();
    let taken = place.print(&["prices", "refresh", "--from", "list.json", "--apply"]);
    assert!(taken.contains("taken over as version"), "{taken}");
    let (_, dearer) = cost(&server, &key, "claude-opus-4-8").await;
    assert!((dearer / opus - 1.2).abs() < 1e-6, "{opus} → {dearer}");
    let (_, same) = cost(&server, &key, "gpt-5.5").await;
    assert!((same - gpt).abs() < f64::EPSILON, "what waits does not hold");
    let waits = place.print(&["prices"]);
    assert!(
        waits.contains("openai/gpt-5.5") && waits.contains("moved more than 5 times"),
        "{waits}"
    );
    place.print(&["prices", "confirm", "openai/gpt-5.5"]);
    let versions = place.print(&["prices"]);
    let confirmed = versions.lines().find(|line| line.contains("confirmed by")).unwrap();
    let months: Vec<&str> = confirmed.split_whitespace().rev().take(2).collect();
    assert!(
        months[0] != months[1] && months[1] != "$0.00",
        "what it means stands there: {versions}"
    );
    let (_, cheap) = cost(&server, &key, "gpt-5.5").await;
    assert!((cheap / gpt - 0.01).abs() < 1e-3, "{gpt} → {cheap}");
    assert_eq!(cost(&server, &key, "cheap").await.0, "openai/gpt-5.5", "the cheapest goes first");
    let refused = place.run(&["prices", "confirm", "openai/gpt-5.5"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no price waits for anybody"));
    server.stop();

    // The versions outlive the process, and a rejected price is not asked about again.
    let free = LIST.replace("6e-06", "0").replace("5e-08", "0").replace("3e-07", "3e-06");
    place.write("free.json", &free);
    let server = place.serve();
    let (_, kept) = cost(&server, &key, "gpt-5.5").await;
    assert!((kept - cheap).abs() < f64::EPSILON);
    place.print(&["prices", "refresh", "--from", "free.json", "--apply"]);
    assert!(place.print(&["prices"]).contains("is free where it was not"));
    place.print(&["prices", "reject", "anthropic/claude-opus-4-8"]);
    let again = place.print(&["prices", "refresh", "--from", "free.json"]);
    assert!(
        again.contains("other prices of anthropic/claude-opus-4-8, which were rejected"),
        "{again}"
    );
    let listed = place.print(&["prices"]);
    assert!(
        listed.contains("rejected; `outlast prices confirm MODEL` takes that back"),
        "{listed}"
    );
    let (_, still) = cost(&server, &key, "claude-opus-4-8").await;
    assert!((still - dearer).abs() < f64::EPSILON);
    server.stop();
    let rows = place.usage("model");
    let booked: f64 = rows
        .iter()
        .filter(|row| row["labels"]["model"] == "claude-opus-4-8")
        .map(|row| row["cost_nano_usd"].as_f64().unwrap() / 1e9)
        .sum();
    let asked = if cheaper == "anthropic/claude-opus-4-8" { 2.0 } else { 1.0 };
    assert!((booked - (asked * opus + 2.0 * dearer)).abs() < 1e-9, "past costs stay: {booked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_the_config_is_read_by_itself_and_one_that_cannot_be_is_told() {
    let place = Place::new(&[("ANTHROPIC_API_KEY", "a"), ("OPENAI_API_KEY", "b")]);
    let config = |source: &str, format: &str| {
        format!(
            "[prices]\nsource = \"{source}\"\nformat = \"{format}\"\n\n[lifecycle]\nlists_hours = 0\n\n\
             [[provider]]\nname = \"anthropic\"\n\n[[provider]]\nname = \"openai\"\n"
        )
    };
    place.write("outlast.toml", &config("http://127.0.0.1:9/list.json", "litellm"));
    let fails = |says: &str| {
        let server = place.serve();
        let logged = server.logs("the price list could not be read");
        assert!(logged.contains("the prices stay") && logged.contains(says), "{logged}");
        // People are told of it, too.
        server.logs("price_list_failed");
        assert!(place.print(&["prices"]).contains(says), "{says}");
        server.stop();
        assert!(place.print(&["prices"]).starts_with("prices of 2026-11-20"));
    };
    fails("the price list at http://127.0.0.1:9/list.json cannot be fetched: nobody answers there");
    place.write("list.json", LIST);
    place.write("outlast.toml", &config("list.json", "models-dev"));
    fails("it is LiteLLM's list, and `format` in [prices] says models.dev's");

    // The command holds to the config as well: to its format, and to all of it.
    let refused = |says: &str| {
        let output = place.run(&["prices", "refresh"]);
        assert!(String::from_utf8_lossy(&output.stderr).contains(says), "{output:?}");
    };
    refused("`format` in [prices] says models.dev's");
    place.write("outlast.toml", &config("list.json", "nobodys"));
    refused("`nobodys` is no price list");
    place.write("outlast.toml", &config("nowhere.json", "litellm"));
    assert!(place.print(&["check"]).contains("warning: there is no file nowhere.json"));

    // What is at hand is what the command reads as well.
    place.write("outlast.toml", &config("list.json", "litellm"));
    let shown = place.print(&["prices", "refresh"]);
    assert!(shown.contains("$5 → $6") && shown.contains("--apply takes these over"), "{shown}");

    // A source that is mended is read as soon as it holds; nobody waits for the hour.
    place.write("outlast.toml", &config("late.json", "litellm"));
    let server = place.serve();
    server.logs("the price list could not be read");
    assert!(place.print(&["prices"]).contains("could not be read"));
    place.write("late.json", LIST);
    place.print(&["prices", "refresh", "--apply"]);
    let told = place.print(&["prices"]);
    assert!(told.contains("last at") && !told.contains("could not be read"), "{told}");
    place.write("outlast.toml", &config("list.json", "litellm"));
    server.signal("HUP");
    let read = server.logs("the price list was read");
    assert!(read.contains("LiteLLM"), "{read}");
    let now = place.print(&["prices"]);
    assert!(now.contains("one waits for") && now.contains("openai/gpt-5.5"), "{now}");
    assert!(now.contains("list.json is read every 24 hours; last at"), "{now}");
    server.stop();

    // Once more at the next start: nothing changes, and nobody is asked again.
    let server = place.serve();
    let again = server.logs("the price list was read");
    assert!(!again.contains("version"), "{again}");
    assert_eq!(place.print(&["prices"]).lines().filter(|line| line.contains("LiteLLM")).count(), 2);
    server.stop();
}
