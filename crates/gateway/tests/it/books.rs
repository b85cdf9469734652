//! Every attempt is a row of the books, whatever became of it.

use simulator::Fault;
use store::SpendDimension;

use crate::harness::{CHAT, House, MESSAGES, provider, table, vendor};

#[tokio::test]
async fn every_attempt_is_booked_and_only_what_may_have_cost_something_costs() {
    let first = vendor("first", CHAT, &["m"]).await;
    let second = vendor("second", MESSAGES, &["m"]).await;
    first.set_fault(Fault::Status {
        status: 503,
        code: None,
        message: None,
        headers: Vec::new(),
        times: None,
    });
    let targets =
        [(provider("first", &first, CHAT), "m"), (provider("second", &second, MESSAGES), "m")];
    let house = House::open(table("r", &targets)).await;
    house.ask(CHAT, "r", false).await;
    let rows = house.close(&[SpendDimension::Provider]).await;
    let row = |name: &str| rows.iter().find(|row| row.labels[0] == name).unwrap();
    assert_eq!(
        (row("first").attempts, row("first").failed_attempts, row("first").cost.0),
        (2, 2, 0)
    );
    assert_eq!((row("second").attempts, row("second").failed_attempts), (1, 0));
    assert!(row("second").cost.0 > 0, "an unknown model is never free");
}

#[tokio::test]
async fn principals_teams_and_routes_are_told_apart() {
    let only = vendor("only", CHAT, &["m"]).await;
    let house = House::open(table("r", &[(provider("only", &only, CHAT), "m")])).await;
    house.ask(CHAT, "r", true).await;
    house.ask(MESSAGES, "r", false).await;
    let by = [SpendDimension::Principal, SpendDimension::Team, SpendDimension::Route];
    let rows = house.close(&by).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].labels, ["ada", "platform", "r"]);
    assert_eq!(rows[0].requests, 2);
}

#[tokio::test]
async fn the_live_view_counts_what_callers_saw() {
    let first = vendor("first", CHAT, &["m"]).await;
    let second = vendor("second", CHAT, &["m"]).await;
    let targets =
        [(provider("first", &first, CHAT), "m"), (provider("second", &second, CHAT), "m")];
    let house = House::open(table("r", &targets)).await;
    house.ask(CHAT, "r", false).await;
    first.die().await;
    house.ask(CHAT, "r", false).await;
    second.die().await;
    house.ask(CHAT, "r", false).await;
    let snapshot = house.ledger().activity().snapshot();
    assert_eq!(
        (snapshot.requests, snapshot.answered, snapshot.rescued, snapshot.failed),
        (3, 2, 1, 1)
    );
    assert_eq!(snapshot.in_flight, 0);
    let to: Vec<_> = snapshot
        .failovers
        .iter()
        .map(|failover| failover.to.as_ref().map(ToString::to_string))
        .collect();
    assert_eq!(to, [None, Some("second/m".to_owned())]);
}
