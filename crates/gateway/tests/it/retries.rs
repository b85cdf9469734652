//! The retry budget of a provider: a storm upstream never becomes a storm from us, and every target that
//! is passed by is counted with its reason.

use decide::route::SkipReason;
use simulator::Fault;

use crate::harness::{CHAT, FOX, House, provider, table, vendor, whole_text};

/// Fails now and then, never so often that its gate shuts.
fn now_and_then() -> Fault {
    Fault::Status { status: 500, code: None, message: None, headers: Vec::new(), times: Some(1) }
}

#[tokio::test]
async fn a_provider_is_asked_again_for_a_fifth_of_its_traffic_and_a_floor() {
    let first = vendor("first", CHAT, &["m"]).await;
    let second = vendor("second", CHAT, &["m"]).await;
    let targets =
        [(provider("first", &first, CHAT), "m"), (provider("second", &second, CHAT), "m")];
    let house = House::open(table("r", &targets)).await;
    let (requests, floor) = (40, 10);
    for number in 0..requests {
        // Every other request meets a lone failure: more than a fifth.
        first.set_fault(if number % 2 == 0 { now_and_then() } else { Fault::None });
        let reply = house.ask(CHAT, "r", false).await;
        assert_eq!(whole_text(CHAT, false, &reply), FOX);
    }
    let again = first.stats().requests - requests;
    assert!((floor..=floor + requests / 5).contains(&again), "{again} were sent again");
    let table = house.gateway.table();
    let (target, _) = &table.targets()["first/m"];
    let skips = house.gateway.gate(target).skips;
    assert_eq!(skips[SkipReason::RetryBudget.index()], second.stats().requests);
    assert_eq!(again + second.stats().requests, requests / 2, "each failure was mended");
}
