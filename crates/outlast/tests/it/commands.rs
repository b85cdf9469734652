//! Commands that people type.

use crate::program::Place;

#[test]
fn check_names_every_problem_with_its_place_and_what_to_do() {
    let place = Place::new(&[]);
    place.write(
        "outlast.toml",
        "lisen = \"127.0.0.1:1\"\n\n[[provider]]\nname = \"openai\"\n\n[[route]]\nname = \"fast\"\ntargets = [\"opnai/gpt-5.5\", \"openai\"]\n",
    );
    let output = place.run(&["check"]);
    assert!(!output.status.success());
    let expect = "\
outlast.toml:1:1: unknown key `lisen` in the config
  did you mean `listen`?
outlast.toml:4:8: provider `openai` has no credential
  set the environment variable OPENAI_API_KEY, or add `api_key = \"env:NAME\"` or `\"file:PATH\"`
outlast.toml:8:12: target `opnai/gpt-5.5` leads nowhere: there is no provider `opnai`
  did you mean `openai/…`?
outlast.toml:8:29: `openai` is no target
  write provider/model, such as \"openai/gpt-5.5\"
4 problems
";
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expect);
}

#[test]
fn check_shows_what_a_good_config_amounts_to() {
    let place = Place::new(&[("OPENAI_API_KEY", "not-to-be-shown")]);
    let shown = place.print(&["check"]);
    assert!(shown.contains(
        "provider openai (with a key): openai-responses at https://api.openai.com/v1/responses, openai-chat at https://api.openai.com/v1/chat/completions"
    ));
    // A compatible server at another address is not expected to speak the newer dialect.
    let moved = [("OPENAI_API_KEY", "k"), ("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")];
    let shown = Place::new(&moved).print(&["check"]);
    let address = "openai-chat at http://127.0.0.1:9/v1/chat/completions";
    assert!(shown.contains(address) && !shown.contains("openai-responses"), "{shown}");
    assert!(!shown.contains("not-to-be-shown"));
}

#[test]
fn models_tell_who_answers_and_where_a_name_leads() {
    let place = Place::new(&[]);
    place.write(
        "outlast.toml",
        "[[provider]]\nname = \"azure\"\nbase_url = \"https://r.openai.azure.com\"\napi_key = \"k\"\n\n[[provider]]\nname = \"ollama\"\nbase_url = \"http://127.0.0.1:9/v1\"\n\n[[route]]\nname = \"local-*\"\ntargets = [\"ollama/*\"]\n",
    );
    let shown = place.print(&["models", "azure/gpt-5.5"]);
    assert!(shown.contains("when azure/gpt-5.5 is gone: azure/gpt-5.6 (successor)"), "{shown}");
    let shown = place.print(&["models", "local-foo"]);
    assert!(shown.starts_with("1. ollama/local-foo "), "{shown}");
    let refused = |arguments: &[&str], says: &str| {
        let said = String::from_utf8(place.run(arguments).stderr).unwrap();
        assert!(said.contains(says), "{said}");
    };
    refused(&["models", "gpt-5.5"], "ask for `azure/DEPLOYMENT`");
    refused(&["models", "hold", "nosuch/x"], "no route leads to `nosuch/x`");
    refused(&["chaos", "list"], "no outlast runs on");
    assert!(place.print(&["check"]).contains("models of azure, ollama are asked for as"));
    assert!(place.print(&["prices"]).starts_with("prices of "));
}

#[test]
fn without_any_provider_serve_says_what_to_do() {
    let output = Place::new(&[]).run(&["serve"]);
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("set ANTHROPIC_API_KEY") && said.contains("outlast demo"), "{said}");
}

#[test]
fn a_key_is_shown_once_listed_without_its_secret_and_disabled() {
    let place = Place::new(&[]);
    let key = place.key();
    let id = &key[..15];
    let listed = place.print(&["key", "list"]);
    assert!(listed.contains(id) && listed.contains("ada") && !listed.contains(&key));
    place.print(&["key", "disable", id]);
    assert!(place.print(&["key", "list"]).contains("disabled"));
    let database = std::fs::read(place.path("outlast-data/outlast.db")).unwrap();
    // Behind the id and a `_`; the secret itself may hold more of them.
    let secret = &key.as_bytes()[16..];
    assert_eq!(secret.len(), 43);
    assert!(!database.windows(secret.len()).any(|window| window == secret), "kept only as a hash");
}

#[test]
fn models_shows_who_stands_in() {
    let place = Place::new(&[("ANTHROPIC_API_KEY", "a"), ("OPENAI_API_KEY", "b")]);
    let shown = place.print(&["models", "claude-fable-5"]);
    let order: Vec<_> =
        shown.lines().take(3).map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    assert_eq!(order, ["anthropic/claude-fable-5", "anthropic/claude-opus-4-8", "openai/gpt-5.5"]);
}

#[test]
fn check_finds_configs_that_parse_and_cannot_work() {
    let place = Place::new(&[]);
    place.write(
        "outlast.toml",
        "listen = \"127.0.0.1:9\"\nconsole = \"127.0.0.1:9\"\n\n[[provider]]\nname = \"a\"\nbase_url = \"http://h/v1?k=1\"\napi_key = \"\"\n\n[[route]]\nname = \"r\"\ntargets = [\"a/*\"]\n",
    );
    let output = place.run(&["check"]);
    let said = String::from_utf8(output.stdout).unwrap();
    for problem in
        ["same address", "is no base address", "`api_key` is empty", "`*` stands for no model"]
    {
        assert!(said.contains(problem), "{problem}: {said}");
    }
}

#[test]
fn check_finds_limits_of_the_breaker_that_mean_nothing() {
    let place = Place::new(&[("OPENAI_API_KEY", "a")]);
    place.write("outlast.toml", "[breaker]\nautonomous = \"ten hours\"\ncost = 0\nhours = 10\n");
    let output = place.run(&["check"]);
    assert!(!output.status.success());
    let expect = "\
outlast.toml:2:14: `autonomous = \"ten hours\"` is no span of time
  write a whole number and ms, s, m, h or d, up to 31d, such as \"10h\"
outlast.toml:3:8: `cost` is 0
  it is in dollars, above 0, with at most nine decimals, such as 50 or 0.25
outlast.toml:4:1: unknown key `hours` in [breaker]
  known keys of [breaker]: autonomous, cost
3 problems
";
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expect);
    place.write("outlast.toml", "[breaker]\nautonomous = \"90s\"\ncost = 0.05\n");
    assert!(place.run(&["check"]).status.success());
}

#[test]
fn a_second_server_on_the_same_data_says_who_has_it() {
    let place = Place::new(&[("OPENAI_API_KEY", "a")]);
    let server = place.serve();
    let output = place.run(&["serve", "--listen", "127.0.0.1:0", "--console", "127.0.0.1:0"]);
    assert!(!output.status.success());
    assert!(String::from_utf8(output.stderr).unwrap().contains("another outlast is running"));
    server.stop();
}

#[test]
fn models_shows_what_the_config_says_and_tells_its_problems() {
    let place = Place::new(&[("ANTHROPIC_API_KEY", "a"), ("OPENAI_API_KEY", "b")]);
    place.write(
        "outlast.toml",
        "[[provider]]\nname = \"openai\"\n\n[[route]]\nname = \"claude-*\"\ntargets = [\"openai/gpt-5.5\"]\n",
    );
    let shown = place.print(&["models", "claude-haiku-4-5"]);
    assert!(
        shown.starts_with("1. openai/gpt-5.5") && shown.contains("route `claude-*`"),
        "{shown}"
    );
    let fails = |arguments: &[&str], expect: &str| {
        let output = place.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(expect), "{arguments:?}: {said}");
    };
    fails(&["models", "--provider", "zzz"], "no provider `zzz` is configured; configured: openai");
    fails(&["models", "--config", "gone.toml"], "cannot be read");
    place.write("outlast.toml", "lisen = 1\n");
    fails(&["models"], "unknown key `lisen`");
}

#[test]
fn models_lists_what_the_config_reaches_and_says_what_is_not_known() {
    let place = Place::new(&[("AZURE_OPENAI_API_KEY", "a"), ("COHERE_API_KEY", "c")]);
    place.write(
        "outlast.toml",
        "[[provider]]\nname = \"local\"\nbase_url = \"http://127.0.0.1:9/v1\"\n\
         [[provider]]\nname = \"azure\"\nbase_url = \"https://acme.openai.azure.com\"\n\
         [[provider]]\nname = \"cohere\"\n\
         [[route]]\nname = \"fast\"\ntargets = [\"local/llama\", \"azure/gpt-5.5\"]\n\
         [[route]]\nname = \"old-*\"\ntargets = [\"local/pattern\"]\n\
         [lifecycle]\nhold = [\"azure/gpt-5.5\"]\n\
         [[price]]\nmodel = \"local/llama\"\ninput_usd_per_million = 1.5\noutput_usd_per_million = 2\n",
    );
    let listed = place.print(&["models"]);
    let row = |name: &str| -> Vec<String> {
        let row = listed.lines().find(|line| line.split_whitespace().next() == Some(name));
        let row = row.unwrap_or_else(|| panic!("{name}: {listed}"));
        row.split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(row("local/llama"), ["local/llama", "1.50", "2.00", "–", "–", "–", "–"]);
    assert_eq!(row("local/pattern"), ["local/pattern", "–", "–", "–", "–", "–", "–"]);
    let azure = row("azure/gpt-5.5");
    assert_eq!((azure[4].as_str(), azure.last().unwrap().as_str()), ("frontier", "held"));
    row("cohere/command-a-03-2025");
    assert!(!listed.contains("openai/"), "nobody configured it: {listed}");
    let last = listed.lines().last().unwrap();
    assert!(
        last.starts_with("not in the catalog") && last.ends_with("local/llama, local/pattern"),
        "{last}"
    );
    assert_eq!(
        place.print(&["models", "--provider", "local", "--ending"]),
        "no model that can be reached goes, is gone or is held"
    );
    let shown = place.print(&["models", "local/other"]);
    assert!(
        shown.contains("no price is known") && shown.contains("is not in the catalog"),
        "{shown}"
    );
}
