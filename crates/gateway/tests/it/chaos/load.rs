//! A provider that dies under load: every connection is reset, and from then on refused. Where a real
//! process is killed, that is `loadbench outage`.

use std::sync::Arc;

use gateway::Provider;
use simulator::{Answer, Vendor, VendorSpec};
use store::SpendDimension;
use tokio::task::JoinSet;

use super::{case::CALLERS, run::PATIENT};
use crate::harness::{CHAT, FOX, House, MESSAGES, RESPONSES, provider, table, whole_text};

/// Callers at a time, each with so many requests one after the other.
const CALLERS_AT_A_TIME: usize = 48;
const REQUESTS: usize = 5;
const ALL: u64 = (CALLERS_AT_A_TIME * REQUESTS) as u64;

#[tokio::test]
async fn a_provider_that_dies_under_load_is_not_noticed() {
    let mut vendors = Vec::new();
    for (name, dialect) in [("first", MESSAGES), ("second", CHAT), ("third", RESPONSES)] {
        let spec = VendorSpec {
            api_key: Some("upstream-secret".to_owned()),
            token_interval_ms: 10,
            answer: Answer::Fixed(FOX.to_owned()),
            ..VendorSpec::new(name, dialect, &["m"])
        };
        vendors.push((name, dialect, Vendor::start(spec).await.unwrap()));
    }
    let targets: Vec<_> = vendors
        .iter()
        .map(|(name, dialect, vendor)| {
            let provider = Arc::into_inner(provider(name, vendor, *dialect)).unwrap();
            (Arc::new(Provider { limits: PATIENT, ..provider }), "m")
        })
        .collect();
    let house = Arc::new(House::open(table("r", &targets)).await);
    let mut callers = JoinSet::new();
    for number in 0..CALLERS_AT_A_TIME {
        let house = Arc::clone(&house);
        let (caller, stream) = (CALLERS[number % 3], number % 2 == 0);
        callers.spawn(async move {
            for _ in 0..REQUESTS {
                let reply = house.ask(caller, "r", stream).await;
                assert_eq!(whole_text(caller, stream, &reply), FOX, "{caller}, stream={stream}");
            }
        });
    }
    let (_, _, first) = &vendors[0];
    // In the middle, with answers of everybody under way.
    first.arrived(ALL / 3).await;
    first.die().await;
    while let Some(caller) = callers.join_next().await {
        caller.unwrap();
    }
    let snapshot = house.ledger().activity().snapshot();
    assert_eq!((snapshot.answered, snapshot.failed), (ALL, 0));
    assert!(snapshot.rescued > 0, "some were under way");
    let house = Arc::into_inner(house).unwrap();
    let rows = house.close(&[SpendDimension::Provider]).await;
    let dead = rows.iter().find(|row| row.labels == ["first"]).unwrap();
    // What was under way when it died, and what shut its gate or probed it.
    let most = CALLERS_AT_A_TIME as u64 + 8;
    assert!((1..=most).contains(&dead.failed_attempts), "{} tries in vain", dead.failed_attempts);
}
