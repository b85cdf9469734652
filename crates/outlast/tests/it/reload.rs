//! A config that changed is taken over without a restart; one with problems is refused, and the old
//! one stays.

use simulator::{Vendor, VendorSpec};
use terms::dialect::Dialect;

use crate::program::{Place, question};

fn config(base: &str, extra: &str) -> String {
    format!(
        "[[provider]]\nname = \"local\"\nbase_url = \"{base}/v1\"\nfree = true\n\n[[route]]\nname = \"fast\"\ntargets = [\"local/m\"]\n{extra}"
    )
}

#[tokio::test]
async fn a_good_change_holds_and_a_bad_one_is_refused() {
    let vendor =
        Vendor::start(VendorSpec::new("local", Dialect::OpenaiChat, &["m"])).await.unwrap();
    let place = Place::new(&[]);
    place.write("outlast.toml", &config(&vendor.base_url(), ""));
    let server = place.serve();
    let key = place.key();
    let ask = async |model: &str| {
        server.post("/v1/chat/completions", &key, &question(model, false)).await.status
    };
    assert_eq!(ask("fast").await, 200);
    assert_eq!(ask("faster").await, 404);
    place.write(
        "outlast.toml",
        &config(&vendor.base_url(), "\n[[route]]\nname = \"faster\"\ntargets = [\"local/m\"]\n"),
    );
    server.signal("HUP");
    server.logs("config reloaded");
    assert_eq!(ask("faster").await, 200);
    place.write(
        "outlast.toml",
        &config(&vendor.base_url(), "\n[[route]]\nname = \"worst\"\ntagets = [\"local/m\"]\n"),
    );
    server.signal("HUP");
    assert!(server.logs("unknown key").contains("did you mean `targets`?"));
    assert_eq!(ask("faster").await, 200, "the old config stays");
    assert_eq!(ask("worst").await, 404);
    server.stop();
    assert_eq!(place.usage("model")[0]["cost_nano_usd"], 0, "a free provider is free");
}
