//! Limits that know the target: one that is usually slow is not cut off for being itself.

use simulator::{Fault, Vendor, VendorSpec};

use crate::harness::{CHAT, FOX, House, provider, table, vendor, whole_text};

#[tokio::test]
async fn a_target_whose_history_is_slow_gets_longer_and_a_new_one_does_not() {
    // Both within the limit of 300 ms at first, so that a history can be made.
    let slow = VendorSpec {
        api_key: Some("upstream-secret".to_owned()),
        first_token_ms: 200,
        ..VendorSpec::new("slow", CHAT, &["m"])
    };
    let slow = Vendor::start(slow).await.unwrap();
    let spare = vendor("spare", CHAT, &["m"]).await;
    let targets = [(provider("slow", &slow, CHAT), "m"), (provider("spare", &spare, CHAT), "m")];
    let house = House::open(table("r", &targets)).await;
    // With the 200 ms that it always takes, more than the limit.
    let late = Fault::SlowHeaders(150);
    // Without a history this is too late: the next target answers.
    slow.set_fault(late.clone());
    let reply = house.ask(CHAT, "r", true).await;
    assert_eq!(reply.header("x-outlast-target"), "spare/m");
    slow.set_fault(Fault::None);
    for _ in 0..12 {
        assert_eq!(whole_text(CHAT, true, &house.ask(CHAT, "r", true).await), FOX);
    }
    slow.set_fault(late);
    let reply = house.ask(CHAT, "r", true).await;
    assert_eq!(reply.header("x-outlast-target"), "slow/m", "it is known to be slow");
}
