//! `GET /health`: that the program answers. Says nothing else, so that it needs no authorization.

pub(crate) async fn show() -> &'static str {
    "ok\n"
}
