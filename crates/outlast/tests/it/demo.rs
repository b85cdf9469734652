//! The demo, for a moment: it starts without anything, answers, and ends by itself without a failure.

use crate::program::Place;

#[test]
fn a_short_demo_answers_every_call() {
    let shown = Place::new(&[]).print(&["demo", "--seconds", "1"]);
    assert!(shown.contains("console  http://127.0.0.1:"), "{shown}");
    let count = shown.lines().last().unwrap();
    assert!(count.contains(" 0 failed") && !count.starts_with("0 calls"), "{count}");
}
