//! What configs amount to: the endpoints of clouds and vendors, from files and from the environment,
//! and every snippet of the guide to providers.

use std::time::Duration;

use decide::{
    catalog::Catalog, heirs::Successors, lifecycle::LifecycleLimits, price_list::Format,
    spray::Spray, upstream_stream::UpstreamStream,
};
use gateway::{BrokenStream, OnDegraded, Provider, Source, Streaming};
use terms::{money::NanoUsd, usage::Usage};

use super::{Config, Environment, Overrides, PriceListSource, VENDORS, upkeep::Upkeep};

fn load(text: &str, variables: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let environment = Environment::of(variables);
    let config = Config::from_text("outlast.toml", text, &environment, &Overrides::default());
    config.map_err(|problems| {
        problems
            .list
            .iter()
            .map(|problem| format!("{}: {}", problem.line, problem.message))
            .collect()
    })
}

/// `dialect address` of every endpoint, and whether there is a credential.
fn shown(provider: &Provider) -> (Vec<String>, bool) {
    let Source::Remote { endpoints, keys } = &provider.source else {
        return (Vec::new(), false);
    };
    let endpoints = endpoints.iter();
    let lines =
        endpoints.map(|endpoint| format!("{} {}", endpoint.dialect, endpoint.address.shown()));
    (lines.collect(), !keys.is_empty())
}

fn check(text: &str, variables: &[(&str, &str)], expect: &[&str]) {
    let config = load(text, variables).unwrap();
    let (lines, has_key) = shown(&config.providers[0]);
    assert_eq!(lines, expect);
    assert!(has_key, "{text}");
}

fn refused(text: &str, variables: &[(&str, &str)], expect: &[&str]) {
    assert_eq!(load(text, variables).unwrap_err(), expect);
}

#[test]
fn limits_of_attempts_are_checked_against_each_other() {
    let with = |limits: &str, route: &str| {
        format!(
            "{limits}\n[[provider]]\nname = \"openai\"\napi_key = \"k\"\n[[route]]\nname = \"r\"\ntargets = [\"openai/gpt-5.5\"]\n{route}\n"
        )
    };
    let key = &[][..];
    // What stands elsewhere, or nowhere, is no mistake of whoever wrote the rest.
    for (limits, route) in [
        ("", "attempts = 1"),
        ("", "deadline_ms = 100"),
        ("[limits]\ntries_per_target = 3", "attempts = 2\ndeadline_ms = 1000"),
        ("[limits]\nattempts = 5\ntries_per_target = 5", ""),
        ("", "patience_ms = 0\nbackoff_ms = 0\ndeadline_ms = 1"),
    ] {
        assert!(load(&with(limits, route), key).is_ok(), "{limits} {route}");
    }
    let check = |limits: &str, route: &str, expect: &str| {
        let problems = load(&with(limits, route), key).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains(expect), "{problems:?}");
    };
    check("", "tries_per_target = 5", "`tries_per_target` is 5, but `attempts` allows 4 in all");
    check("[limits]\nattempts = 2\ntries_per_target = 3", "", "3: `tries_per_target` is 3");
    check("", "patience_ms = 600000", "`patience_ms` is 600000, but nothing is begun 600000 ms");
    check("", "deadline_ms = 100\nbackoff_ms = 100", "`backoff_ms` is 100");
    check("", "attempts = 0", "`attempts` is 0");
}

#[test]
fn what_changes_by_itself_has_limits_and_routes_choose() {
    let text = |route: &str, sections: &str| {
        format!(
            "[[provider]]\nname = \"local\"\nbase_url = \"http://h/v1\"\n\n[[route]]\nname = \"r\"\ntargets = [\"local/m\"]\n{route}\n{sections}"
        )
    };
    let config = load(&text("", ""), &[]).unwrap();
    assert_eq!(config.upkeep.lifecycle, LifecycleLimits::default());
    assert_eq!(config.upkeep.lists, Some(Duration::from_hours(6)));
    assert_eq!(
        (config.routes[0].successors, config.routes[0].prefers_cost),
        (Successors::Any, false)
    );
    let sections = "[lifecycle]\nannounce_days = 60\nramp_days = 14\nmirror_requests = 5\nmirror_usd = 0.25\nlists_hours = 0\nhold = [\"local/m\"]\n[notify]\nwebhook = \"https://h/hook\"\n[prices]\nalert_percent = 25\nalert_usd_per_month = 1000\nsource = \"list.json\"\nformat = \"models-dev\"\nrefresh_hours = 6\n";
    let config = load(&text("successors = \"family\"\nprefer = \"cost\"", sections), &[]).unwrap();
    let Upkeep { lifecycle, lists, held, alert, webhook, price_list } = config.upkeep;
    assert_eq!(lifecycle.announce_ms / 86_400_000, 60);
    assert_eq!((lifecycle.ramp_ms / 86_400_000, lifecycle.mirrored), (14, 5));
    assert_eq!(lifecycle.mirrored_cost, NanoUsd(250_000_000));
    assert_eq!((lists, held), (None, vec!["local/m".into()]));
    assert_eq!((alert.percent, alert.monthly), (25, NanoUsd(1_000_000_000_000)));
    assert_eq!(webhook.as_deref(), Some("https://h/hook"));
    let list =
        |format, every| Some(PriceListSource { from: "list.json".to_owned(), format, every });
    assert_eq!(price_list, list(Some(Format::ModelsDev), Some(Duration::from_hours(6))));
    assert_eq!(load(&text("", ""), &[]).unwrap().upkeep.price_list, None);
    for (hours, every) in [("", Some(24)), ("refresh_hours = 0", None)] {
        let sections = format!("[prices]\nsource = \"list.json\"\n{hours}\n");
        let config = load(&text("", &sections), &[]).unwrap();
        assert_eq!(config.upkeep.price_list, list(None, every.map(Duration::from_hours)));
    }
    let route = &config.routes[0];
    assert_eq!((route.successors, route.prefers_cost), (Successors::Family, true));
    let check = |route: &str, sections: &str, expect: &str| {
        let found = load(&text(route, sections), &[]).unwrap_err();
        assert!(found.len() == 1 && found[0].contains(expect), "{found:?}");
    };
    check("successors = \"best\"", "", "`best` is nobody who could answer");
    check("prefer = \"cost\"\nspray = \"adaptive\"", "", "`prefer` means nothing beside `spray`");
    check("prefer = \"speed\"", "", "`prefer = \"speed\"` is nothing to order targets by");
    check("", "[notify]\nwebhook = \"slack\"", "`webhook` is no http or https address");
    check("", "[prices]\nsource = \" \"", "`source` is empty");
    check("", "[prices]\nsource = \"ftp://h/l\"", "`ftp://h/l` is no address that is read");
    check("", "[prices]\nsource = \"http://\"", "`http://` is no address that is read");
    check("", "[prices]\nsource = \"l\"\nrefresh_hours = -1", "`refresh_hours` is -1");
    check("", "[lifecycle]\nhold = [\"nosuch/m\"]", "there is no provider `nosuch`");
    check("", "[prices]\nsource = \"l\"\nformat = \"x\"", "`x` is no price list that is known");
    check("", "[prices]\nformat = \"litellm\"", "`format` means nothing without `source`");
    check("", "[prices]\nrefresh_hours = 2", "`refresh_hours` means nothing without `source`");
    check("", "[lifecycle]\nhold = [\"m\"]", "`m` is no target");
    check("", "[lifecycle]\nramp_days = 900", "`ramp_days` is 900");
    check("", "[prices]\nalert_usd = 3", "unknown key `alert_usd`");
}

#[test]
fn what_becomes_of_streams_is_the_routes_choice() {
    let with =
        |more: &str| format!("[[route]]\nname = \"r\"\ntargets = [\"openai/gpt-5.5\"]\n{more}");
    let key = &[("OPENAI_API_KEY", "k")];
    let of = |more: &str| load(&with(more), key).unwrap().routes[0].streaming;
    assert_eq!(of(""), Streaming::default());
    assert_eq!(of("broken_stream = \"strict\"").broken, BrokenStream::Strict);
    assert!(of("hold_tool_arguments = true").hold_arguments);
    let everywhere = format!("[streams]\nupstream_stream = \"never\"\n{}", with(""));
    let config = load(&everywhere, key).unwrap();
    assert_eq!(config.routes[0].streaming.upstream, UpstreamStream::Never);
    let wrong = "4: `drop` is nothing that can become of a stream that breaks off";
    refused(&with("broken_stream = \"drop\""), key, &[wrong]);
}

const AWS: &[(&str, &str)] =
    &[("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "s"), ("AWS_REGION", "us-east-1")];

#[test]
fn azure_is_called_at_its_v1_api_or_by_deployment() {
    let key = &[("AZURE_OPENAI_API_KEY", "k")];
    let v1 = &[
        "openai-responses https://r.openai.azure.com/openai/v1/responses",
        "openai-chat https://r.openai.azure.com/openai/v1/chat/completions",
    ];
    for base in ["https://r.openai.azure.com", "https://r.openai.azure.com/openai/v1/"] {
        check(&format!("[[provider]]\nname = \"azure\"\nbase_url = \"{base}\""), key, v1);
    }
    check(
        "[[provider]]\nname = \"eu\"\nvendor = \"azure\"\nbase_url = \"https://r.openai.azure.com\"\napi_version = \"2024-10-21\"",
        key,
        &[
            "openai-chat https://r.openai.azure.com/openai/deployments/{model}/chat/completions?api-version=2024-10-21",
        ],
    );
    let from_environment =
        [("AZURE_OPENAI_AD_TOKEN", "t"), ("AZURE_OPENAI_ENDPOINT", "https://r.openai.azure.com/")];
    check("", &from_environment, v1);
    refused(
        "[[provider]]\nname = \"azure\"\nregion = \"eu\"",
        &[],
        &[
            "2: an Azure provider needs the address of its resource",
            "2: provider `azure` has no credential",
            "3: `region` means nothing for this provider",
        ],
    );
    let odd = "[[provider]]\nname = \"azure\"\nbase_url = \"https://r\"\napi_version = \"1&x=2\"";
    refused(odd, key, &["4: `1&x=2` is no version of Azure's API"]);
}

#[test]
fn bedrock_speaks_claudes_own_dialect_and_converse() {
    let base = "https://bedrock-runtime.us-east-1.amazonaws.com/model/{model}";
    let both = &[
        &*format!("anthropic-messages {base}/invoke"),
        &*format!("bedrock-converse {base}/converse"),
    ];
    check("[[provider]]\nname = \"bedrock\"", AWS, both);
    let token = [("AWS_BEARER_TOKEN_BEDROCK", "t"), ("AWS_DEFAULT_REGION", "us-east-1")];
    check("", &token, both);
    check("[[provider]]\nname = \"bedrock\"\ndialects = [\"bedrock-converse\"]", AWS, &both[1..]);
    refused(
        "[[provider]]\nname = \"bedrock\"\nregion = \"eu/../x\"\ndialects = [\"openai-chat\"]",
        AWS,
        &["2: an Amazon Bedrock provider needs its region", "3: `eu/../x` is no region"],
    );
    let wrong = "[[provider]]\nname = \"bedrock\"\ndialects = [\"openai-chat\"]";
    refused(wrong, AWS, &["2: provider `bedrock` speaks none of these dialects"]);
    let own =
        "[[provider]]\nname = \"bedrock\"\nregion = \"us-east-1\"\naccess_key_id = \"env:ID\"";
    let both_keys = format!("{own}\nsecret_access_key = \"env:SECRET\"");
    check(&both_keys, &[("ID", "AKIA"), ("SECRET", "s")], both);
    let alone = "4: `access_key_id` and `secret_access_key` belong together";
    refused(own, &[("ID", "AKIA")], &[alone]);
    let none = "[[provider]]\nname = \"bedrock\"\nregion = \"us-east-1\"";
    refused(none, &[("AWS_ACCESS_KEY_ID", "AKIA")], &["2: provider `bedrock` has no credential"]);
    // Keys that may be meant for anything else make no provider by themselves.
    assert_eq!(load("", AWS).unwrap_err(), ["1: no provider is configured"]);
}

#[test]
fn vertex_speaks_claudes_and_geminis_own_dialects_and_the_compatible_one() {
    let token = &[("GOOGLE_OAUTH_ACCESS_TOKEN", "t")];
    let at = |host: &str, region: &str| {
        let place = format!("https://{host}/v1/projects/p/locations/{region}");
        [
            format!("anthropic-messages {place}/publishers/anthropic/models/{{model}}:rawPredict"),
            format!("gemini {place}/publishers/google/models/{{model}}:generateContent"),
            format!("openai-chat {place}/endpoints/openapi/chat/completions"),
        ]
    };
    for (region, host) in [
        ("europe-west1", "europe-west1-aiplatform.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
        ("global", "aiplatform.googleapis.com"),
    ] {
        let text =
            format!("[[provider]]\nname = \"vertex\"\nproject = \"p\"\nregion = \"{region}\"");
        let expect = at(host, region);
        check(&text, token, &expect.each_ref().map(String::as_str));
    }
    refused(
        "[[provider]]\nname = \"vertex\"\ncredentials_file = \"missing.json\"",
        &[],
        &["2: a Vertex AI provider needs its project"],
    );
    let text =
        "[[provider]]\nname = \"vertex\"\nproject = \"p\"\ncredentials_file = \"missing.json\"";
    let problems = load(text, &[]).unwrap_err();
    assert!(problems[0].starts_with("4: the credentials in missing.json cannot be used"));
}

#[test]
fn a_local_server_counts_where_its_address_is_set_and_costs_nothing() {
    let config = load("", &[("OLLAMA_BASE_URL", "http://127.0.0.1:11434/v1")]).unwrap();
    let (lines, has_key) = shown(&config.providers[0]);
    assert_eq!(lines, ["openai-chat http://127.0.0.1:11434/v1/chat/completions"]);
    assert!(!has_key && config.providers.len() == 1);
    let usage = Usage { uncached_in: 1_000_000, ..Usage::default() };
    let book = config.price_book();
    assert_eq!(book.quote(&"ollama".into(), &"any".into()).cost(&usage).0, 0);
    let config = load("[[provider]]\nname = \"vllm\"", &[]).unwrap();
    assert_eq!(
        shown(&config.providers[0]).0,
        ["openai-chat http://localhost:8000/v1/chat/completions"]
    );
}

#[test]
fn every_known_vendor_is_a_provider_by_its_key_or_address_alone() {
    for vendor in VENDORS {
        let variable =
            if vendor.is_local { vendor.address_variable } else { vendor.key_variables[0] };
        let value = if vendor.is_local { vendor.base_url } else { "key" };
        let config = load("", &[(variable, value)]).unwrap();
        let [provider] = config.providers.as_slice() else { panic!("{}", vendor.name) };
        let (lines, has_key) = shown(provider);
        assert_eq!((provider.name.as_str(), has_key), (vendor.name, !vendor.is_local));
        assert_eq!(lines.len(), vendor.dialects.len());
        let Source::Remote { endpoints, .. } = &provider.source else { panic!("{}", vendor.name) };
        assert!(endpoints.iter().all(|endpoint| endpoint.habits == vendor.habits));
        assert!(endpoints.iter().all(|endpoint| endpoint.headers.len() == vendor.headers.len()));
    }
}

#[test]
fn what_is_sold_under_another_name_has_its_makers_price() {
    let catalog = Catalog::built_in().unwrap();
    let config = load(
        "[[provider]]\nname = \"aws\"\nvendor = \"bedrock\"\n[[provider]]\nname = \"mine\"\nvendor = \"anthropic\"\napi_key = \"k\"",
        AWS,
    )
    .unwrap();
    let book = config.price_book();
    let listed = catalog.model("anthropic", "claude-opus-4-6").unwrap().prices;
    for (provider, model) in
        [("aws", "us.anthropic.claude-opus-4-6-v1:0"), ("mine", "claude-opus-4-6")]
    {
        let quote = book.quote(&provider.into(), &model.into());
        assert_eq!((*quote.prices, quote.version), (listed, catalog.as_of()), "{provider}");
        assert!(config.catalog.model(provider, model).unwrap().capabilities.reasoning);
    }
    assert_eq!(book.quote(&"aws".into(), &"amazon.nova-pro-v1:0".into()).version, "assumed");
}

#[test]
fn a_vendor_that_nobody_knows_is_told_and_so_are_keys_out_of_place() {
    refused(
        "[[provider]]\nname = \"a\"\nvendor = \"mistrl\"\nbase_url = \"http://h\"",
        &[],
        &["3: no vendor `mistrl` is known"],
    );
    refused(
        "[[provider]]\nname = \"a\"\nbase_url = \"http://h\"\nproject = \"p\"",
        &[],
        &["4: `project` means nothing for this provider"],
    );
    refused(
        "[[provider]]\nname = \"a\"\nbase_url = \"http://h\"\ndialects = [\"bedrock-converse\"]",
        &[],
        &["3: `bedrock-converse` is spoken by Amazon Bedrock alone"],
    );
}

#[test]
fn every_snippet_of_the_guide_to_providers_loads() {
    let guide = include_str!("../../../../docs/guide/providers.md");
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let account = place(
        "account.json",
        r#"{"type":"authorized_user","client_id":"i","client_secret":"s","refresh_token":"r"}"#,
    );
    let answers = place("answers.jsonl", "{\"input\":\"a\",\"answer\":\"b\"}\n");
    let keys = ["AZURE_OPENAI_API_KEY", "AZURE_KEY_1", "AZURE_KEY_2", "OPENAI_RESEARCH_KEY"];
    let keys = keys.map(|name| (name, name));
    let snippets: Vec<&str> =
        guide.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(snippets.len() >= 8);
    for snippet in snippets {
        let text =
            snippet.replace("service-account.json", &account).replace("answers.jsonl", &answers);
        let config = load(&text, &[AWS, &keys].concat());
        let config = config.unwrap_or_else(|problems| panic!("{snippet}{problems:?}"));
        assert!(!config.providers.is_empty(), "{snippet}");
    }
}

const TWO: &[(&str, &str)] = &[("A", "key-a"), ("B", "key-b"), ("C", "key-a")];

fn keys_of(text: &str) -> usize {
    let config = load(text, TWO).unwrap();
    let Source::Remote { keys, .. } = &config.providers[0].source else { panic!("{text}") };
    keys.len()
}

#[test]
fn a_provider_may_have_several_keys() {
    let with = |keys: &str| format!("[[provider]]\nname = \"openai\"\n{keys}");
    assert_eq!(keys_of(&with("api_keys = [\"env:A\", \"env:B\"]")), 2);
    assert_eq!(keys_of(&with("api_key = \"env:A\"")), 1);
    refused(
        &with("api_keys = [\"env:A\", \"env:C\"]"),
        TWO,
        &["3: this is the same key as one before it"],
    );
    refused(&with("api_keys = []"), TWO, &["3: `api_keys` holds 0 keys"]);
    refused(
        &with("api_key = \"env:A\"\napi_keys = [\"env:B\"]"),
        TWO,
        &["4: `api_keys` means nothing beside `api_key`"],
    );
    refused(
        &with("api_keys = [\"env:A\", \"env:D\"]"),
        TWO,
        &["3: the environment variable D is not set"],
    );
}

#[test]
fn a_cloud_may_have_several_keys_where_it_knows_keys() {
    let with = |cloud: &str| format!("[[provider]]\nname = \"{cloud}\n");
    let azure = with("azure\"\nbase_url = \"https://r.openai.azure.com\"");
    let bedrock = with("bedrock\"\nregion = \"eu-central-1\"");
    let several = "api_keys = [\"env:A\", \"env:B\"]\n";
    for cloud in [&azure, &bedrock] {
        assert_eq!(keys_of(&format!("{cloud}{several}")), 2);
        assert_eq!(keys_of(&format!("{cloud}api_key = \"env:A\"\n")), 1);
        let same = format!("{cloud}api_keys = [\"env:A\", \"env:C\"]\n");
        refused(&same, TWO, &["4: this is the same key as one before it"]);
        let unset = format!("{cloud}api_keys = [\"env:D\"]\n");
        refused(&unset, TWO, &["4: the environment variable D is not set"]);
    }
    let signed = "access_key_id = \"env:A\"\nsecret_access_key = \"env:B\"\n";
    refused(
        &format!("{bedrock}{several}{signed}"),
        TWO,
        &["4: `api_keys` means nothing beside `access_key_id`"],
    );
    refused(
        &format!("{bedrock}api_key = \"env:A\"\n{signed}"),
        TWO,
        &["4: `api_key` and `access_key_id` stand together, and only one would be used"],
    );
    let vertex = with("vertex\"\nproject = \"p\"\ntoken_file = \"t\"");
    refused(&format!("{vertex}{several}"), TWO, &["5: `api_keys` means nothing beside vertex"]);
}

#[test]
fn a_route_may_be_sprayed() {
    let with = |spray: &str| {
        format!(
            "[[provider]]\nname = \"a\"\nbase_url = \"http://a/v1\"\n\
             [[route]]\nname = \"r\"\ntargets = [\"a/x\", \"a/y\"]\n{spray}"
        )
    };
    let config = load(&with("spray = \"weights\"\nweights = [3, 0]\nsticky = false"), &[]).unwrap();
    let route = &config.routes[0];
    assert_eq!((route.spray, route.sticky), (Spray::Weights, false));
    assert_eq!(route.weights, [Some(3.0), Some(0.0)]);
    let config = load(&with("spray = \"adaptive\""), &[]).unwrap();
    assert_eq!((config.routes[0].spray, config.routes[0].sticky), (Spray::Adaptive, true));
    assert_eq!(load(&with(""), &[]).unwrap().routes[0].spray, Spray::Order);
    assert!(load(&with(""), &[]).unwrap().routes[0].hedge.is_none());
    assert!(load(&with("hedge_after_ms = 0"), &[]).unwrap().routes[0].hedge.is_some());
    let alone = "7: `hedge_percent` means nothing without `hedge_after_ms`";
    refused(&with("hedge_percent = 9"), &[], &[alone]);
    let odd = "7: `spray = \"random\"` is no way to spread requests";
    refused(&with("spray = \"random\""), &[], &[odd]);
    refused(&with("weights = [1, 2]"), &[], &["7: `weights` means nothing without `spray`"]);
    let sprayed = |weights: &str| with(&format!("spray = \"weights\"\nweights = {weights}"));
    refused(&sprayed("[1]"), &[], &["8: there are 1 weights for 2 targets"]);
    refused(&sprayed("[0, 0]"), &[], &["8: all weights are 0"]);
    refused(
        &sprayed("[1, -1]"),
        &[],
        &["8: `weights` holds something else than a list of whole numbers from 0 to 1000000"],
    );
}

#[test]
fn gates_and_retries_have_limits() {
    let text = "[limits]\ngate_error_percent = 30\ngate_return_ms = 0\nretry_percent = 5\nretry_floor = 2\n\
                [[provider]]\nname = \"a\"\nbase_url = \"http://a/v1\"";
    let limits = load(text, &[]).unwrap().limits;
    assert_eq!((limits.gates.error_rate_percent, limits.gates.return_ms), (30, 0));
    assert_eq!((limits.retries.percent, limits.retries.floor), (5, 2));
}

#[test]
fn signs_are_watched_as_the_file_says_and_a_route_may_shift() {
    let route = "[[provider]]\nname = \"a\"\nbase_url = \"http://a/v1\"\n[[route]]\nname = \"r\"\ntargets = [\"a/x\"]\n";
    let of = |signs: &str, more: &str| load(&format!("{signs}{route}{more}"), &[]).unwrap();
    let usual = of("", "");
    assert_eq!(usual.signs.unwrap().history, 100);
    assert_eq!(usual.routes[0].on_degraded, OnDegraded::Tell);
    let told = of("[signs]\nhistory = 50\nquiet = \"2h\"\nfalse_alarm_in = 5000\n", "");
    let limits = told.signs.unwrap();
    assert_eq!((limits.history, limits.quiet_ms, limits.lasts_ms), (50, 7_200_000, 60_000));
    assert!((limits.false_alarm_in - 5_000.0).abs() < 1e-9);
    assert!(of("[signs]\nwatch = false\n", "").signs.is_none());
    assert_eq!(of("", "on_degraded = \"shift\"").routes[0].on_degraded, OnDegraded::Shift);
    let all = of("[signs]\non_degraded = \"shift\"\n", "on_degraded = \"tell\"");
    assert_eq!(all.routes[0].on_degraded, OnDegraded::Tell);
    assert_eq!(all.limits.on_degraded, OnDegraded::Shift);
    let odd = "7: `on_degraded = \"stop\"` is nothing that can be done";
    refused(&format!("{route}on_degraded = \"stop\""), &[], &[odd]);
}

#[test]
fn a_canary_is_asked_of_somebody_and_expects_something() {
    let with = |canary: &str| {
        format!(
            "[[provider]]\nname = \"a\"\nbase_url = \"http://a/v1\"\n\
             [[canary]]\nname = \"c\"\n{canary}"
        )
    };
    let whole = "targets = [\"a/x\"]\nsystem = \"Be short.\"\nprompt = \"hi\"\nevery = \"90s\"\ntool = \"add\"\ntool_fields = [\"n\"]\nfirst_token_ms = 900";
    let config = load(&with(whole), &[]).unwrap();
    let canary = &config.canaries[0];
    let table = config.table();
    let targets = canary.targets(&table);
    assert_eq!((canary.every_ms, targets[0].name.as_str()), (90_000, "a/x"));
    let body: serde_json::Value = serde_json::from_slice(&canary.body(&targets[0])).unwrap();
    assert_eq!((&body["model"], &body["stream"]), (&"a/x".into(), &true.into()));
    assert_eq!(body["messages"][0]["content"], "Be short.");
    assert_eq!(body["tools"][0]["function"]["parameters"]["required"][0], "n");
    assert_eq!(config.canary_day_cost.to_string(), "$1.00");
    let capped = load(&format!("[canaries]\nusd_per_day = 0.25\n{}", with(whole)), &[]).unwrap();
    assert_eq!(capped.canary_day_cost.to_string(), "$0.25");
    let turns =
        "targets = [\"a/x\"]\njson = true\n[[canary.messages]]\nrole = \"user\"\ncontent = \"hi\"";
    assert!(load(&with(turns), &[]).is_ok());

    let check = |canary: &str, expect: &[&str]| refused(&with(canary), &[], expect);
    let asks = "targets = [\"a/x\"]\nprompt = \"hi\"\n";
    check(asks, &["4: canary `c` expects nothing"]);
    check(
        "prompt = \"hi\"\njson = true",
        &["4: canary `c` must be asked of targets or of a route"],
    );
    check("targets = [\"a/x\"]\njson = true", &["4: canary `c` asks nothing"]);
    check(
        "targets = [\"b/x\"]\nprompt = \"hi\"\njson = true",
        &["6: target `b/x` leads nowhere: there is no provider `b`"],
    );
    check(
        "route = \"fast\"\nprompt = \"hi\"\njson = true",
        &["6: canary `c` leads nowhere: there is no route `fast`"],
    );
    check(
        &format!("{asks}json = true\nevery = \"5s\""),
        &["9: canary `c` is asked more often than once a minute"],
    );
    check(
        &format!("{asks}matches = \"(\""),
        &["8: `matches` is no regular expression: found open group without closing ')'"],
    );
    check(
        &format!("{asks}json = true\ntool_fields = []"),
        &["4: canary `c` has `tool_fields` without `tool`"],
    );
}

#[test]
fn the_snippets_of_the_guide_to_incidents_load_and_show_the_defaults() {
    let guide = include_str!("../../../../docs/guide/incidents.md");
    let keys = [("OPENAI_API_KEY", "k"), ("ANTHROPIC_API_KEY", "k")];
    let snippets: Vec<&str> =
        guide.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let [canary, signs] = snippets.as_slice() else { panic!("{snippets:?}") };
    let config = load(canary, &keys).unwrap();
    assert_eq!(config.canaries.len(), 1);
    let (shown, usual) = (load(signs, &keys).unwrap(), load("", &keys).unwrap());
    assert_eq!(shown.signs, usual.signs);
    assert_eq!(shown.limits.on_degraded, usual.limits.on_degraded);
    assert_eq!(config.canary_day_cost, usual.canary_day_cost);
}

#[test]
fn the_snippets_of_the_guide_to_prices_load_and_show_the_defaults() {
    let guide = include_str!("../../../../docs/guide/prices.md");
    let keys = [("OPENAI_API_KEY", "k")];
    let snippets: Vec<&str> =
        guide.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let [list, alert] = snippets.as_slice() else { panic!("{snippets:?}") };
    let named = load("[prices]\nsource = \"l\"", &keys).unwrap().upkeep.price_list.unwrap();
    let shown = load(list, &keys).unwrap().upkeep.price_list.unwrap();
    assert_eq!((shown.every, shown.format), (named.every, Some(Format::ModelsDev)));
    let usual = load("", &keys).unwrap().upkeep;
    assert_eq!(load(alert, &keys).unwrap().upkeep.alert, usual.alert);
}
