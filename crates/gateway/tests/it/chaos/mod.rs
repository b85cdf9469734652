//! The chaos suite: every fault that a provider was seen to have, over real sockets, for callers of three
//! dialects, streamed and not. What the caller saw, what each provider saw and what the books hold is
//! asserted; how long it took is not. `docs/chaos.md` shows the table.

mod case;
mod cases;
mod guide;
mod load;

mod run;
mod seen;
mod tls;

use case::Group;

#[tokio::test]
async fn faults_of_the_status() {
    run::group(Group::Status).await;
}

#[tokio::test]
async fn faults_of_the_headers() {
    run::group(Group::Headers).await;
}

#[tokio::test]
async fn faults_of_the_stream() {
    run::group(Group::Stream).await;
}

#[tokio::test]
async fn faults_of_the_connection() {
    run::group(Group::Connection).await;
}

#[tokio::test]
async fn faults_of_everybody() {
    run::group(Group::Everybody).await;
}
