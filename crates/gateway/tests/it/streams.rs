//! After the first token, on a route that wants no other to go on: a stream that dies ends with an
//! explicit error event, never cleanly.

use gateway::{BrokenStream, Streaming};
use simulator::{Fault, Stats, Vendor};
use store::SpendDimension;
use terms::dialect::Dialect;

use crate::harness::{
    CHAT, GEMINI, House, MESSAGES, RESPONSES, Reply, provider, table, table_streaming, vendor,
};

/// A fault by name.
type Case = (&'static str, fn() -> Fault);

async fn broken(fault: Fault, upstream: Dialect, caller: Dialect) -> (Reply, Stats, House, Vendor) {
    let only = vendor("only", upstream, &["m"]).await;
    only.set_fault(fault);
    let strict = Streaming { broken: BrokenStream::Strict, ..Streaming::default() };
    let targets = [(provider("only", &only, upstream), "m")];
    let house = House::open(table_streaming("r", &targets, strict)).await;
    let reply = house.ask(caller, "r", true).await;
    let stats = only.stats();
    (reply, stats, house, only)
}

fn check_broken(dialect: Dialect, reply: &Reply, case: &str) {
    let text = reply.text();
    assert_eq!(reply.status, 200, "{case}");
    assert!(text.contains("quick"), "{case}: what was sent before stays: {text}");
    match dialect {
        Dialect::OpenaiChat => {
            assert!(text.contains("\"error\""), "{case}: {text}");
            assert!(!text.contains("[DONE]"), "{case}: {text}");
        }
        Dialect::OpenaiResponses => {
            assert!(text.contains("event: response.failed"), "{case}: {text}");
            assert!(!text.contains("response.completed"), "{case}: {text}");
        }
        Dialect::Gemini => {
            assert!(text.contains("{\"error\":"), "{case}: {text}");
            assert!(!text.contains("finishReason"), "{case}: {text}");
        }
        Dialect::AnthropicMessages => {
            assert!(text.contains("event: error"), "{case}: {text}");
            assert!(!text.contains("message_stop"), "{case}: {text}");
        }
        Dialect::BedrockConverse => unreachable!("no caller speaks it"),
    }
}

#[tokio::test]
async fn a_stream_that_dies_ends_with_an_error_in_the_callers_dialect() {
    let faults: [Case; 4] = [
        ("cut", || Fault::MidStreamCut { after_chunks: 3 }),
        ("reset", || Fault::MidStreamReset { after_chunks: 3 }),
        ("error event", || Fault::MidStreamError { after_chunks: 3 }),
        ("stall", || Fault::MidStreamStall { after_chunks: 3 }),
    ];
    for (name, fault) in faults {
        for upstream in [CHAT, RESPONSES, MESSAGES, GEMINI] {
            for caller in [CHAT, RESPONSES, MESSAGES, GEMINI] {
                let (reply, stats, house, _vendor) = broken(fault(), upstream, caller).await;
                check_broken(caller, &reply, &format!("{name}, {upstream} to {caller}"));
                assert_eq!(stats.requests, 1);
                let rows = house.close(&[SpendDimension::Model]).await;
                assert_eq!((rows[0].attempts, rows[0].failed_attempts), (1, 1), "{name}");
                assert!(rows[0].usage.output() > 0, "what was sent is booked");
                assert!(rows[0].estimated_cost.0 > 0, "as an estimate");
            }
        }
    }
}

#[tokio::test]
async fn usage_is_asked_for_and_not_leaked() {
    let only = vendor("only", CHAT, &["m"]).await;
    let house = House::open(table("r", &[(provider("only", &only, CHAT), "m")])).await;
    let reply = house.ask(CHAT, "r", true).await;
    assert!(String::from_utf8_lossy(&only.received()[0].body).contains("include_usage"));
    assert!(!reply.text().contains("\"choices\":[]"), "{}", reply.text());
    let rows = house.close(&[SpendDimension::Model]).await;
    assert!(rows[0].usage.output() > 0);
    assert_eq!(rows[0].estimated_cost.0, 0, "the provider's own counts are booked");
}
