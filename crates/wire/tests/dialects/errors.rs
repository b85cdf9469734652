//! Errors and model lists, as every dialect writes them.

use std::fmt::Write as _;

use terms::dialect::Dialect;
use wire::{
    BadRequest, ErrorKind, ErrorReply, Malformed, ModelRow, error_body, error_event, error_status,
    model_row, models_list, read_head, relay_reply,
};

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn every_kind_has_its_status_and_type_in_every_dialect() {
    let mut table = String::new();
    for dialect in Dialect::ALL {
        for kind in ErrorKind::ALL {
            let message = "what to do".to_owned();
            let reply = ErrorReply { kind: *kind, code: "our_code", message, param: None };
            let status = error_status(*dialect, &reply);
            let body = text(error_body(*dialect, &reply, "req_1"));
            assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok());
            writeln!(table, "{dialect} {kind:?}: {status} {body}").unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_failed_stream_ends_with_an_error_and_no_terminator() {
    let refusal: BadRequest = read_head(Dialect::OpenaiChat, b"{}").unwrap_err();
    let reply = ErrorReply::from(refusal);
    let mut events = String::new();
    for dialect in Dialect::ALL {
        events.push_str(&text(error_event(*dialect, &reply, "req_1")));
    }
    insta::assert_snapshot!(events, @r#"
    data: {"error":{"message":"`model` is required","type":"invalid_request_error","param":"model","code":"missing_field"}}

    event: response.failed
    data: {"type":"response.failed","sequence_number":0,"response":{"id":"req_1","object":"response","status":"failed","error":{"code":"missing_field","message":"`model` is required"},"incomplete_details":null,"output":[],"usage":null},"error":{"message":"`model` is required","type":"invalid_request_error","param":"model","code":"missing_field"}}

    event: error
    data: {"type":"error","error":{"type":"invalid_request_error","message":"`model` is required","code":"missing_field","param":"model"},"request_id":"req_1"}

    data: {"error":{"code":400,"message":"`model` is required","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"missing_field","domain":"outlast","metadata":{"field":"model"}}]}}
    "#);
}

#[test]
fn models_are_listed() {
    let row = |id: &str, created_unix_s| ModelRow {
        id: id.into(),
        owned_by: "vendor".into(),
        created_unix_s,
    };
    let rows = [row("a", 0), row("b", 1_795_219_199)];
    let mut lists = String::new();
    for dialect in Dialect::ALL {
        writeln!(lists, "{}", text(models_list(*dialect, &rows))).unwrap();
        writeln!(lists, "{}", text(model_row(*dialect, &rows[1]))).unwrap();
        writeln!(lists, "{}", text(models_list(*dialect, &[]))).unwrap();
    }
    insta::assert_snapshot!(lists, @r#"
    {"object":"list","data":[{"id":"a","object":"model","created":0,"owned_by":"vendor"},{"id":"b","object":"model","created":1795219199,"owned_by":"vendor"}]}
    {"id":"b","object":"model","created":1795219199,"owned_by":"vendor"}
    {"object":"list","data":[]}
    {"object":"list","data":[{"id":"a","object":"model","created":0,"owned_by":"vendor"},{"id":"b","object":"model","created":1795219199,"owned_by":"vendor"}]}
    {"id":"b","object":"model","created":1795219199,"owned_by":"vendor"}
    {"object":"list","data":[]}
    {"data":[{"type":"model","id":"a","display_name":"a","created_at":"1970-01-01T00:00:00Z"},{"type":"model","id":"b","display_name":"b","created_at":"2026-11-20T23:59:59Z"}],"has_more":false,"first_id":"a","last_id":"b"}
    {"type":"model","id":"b","display_name":"b","created_at":"2026-11-20T23:59:59Z"}
    {"data":[],"has_more":false,"first_id":null,"last_id":null}
    {"models":[{"name":"models/a","displayName":"a","supportedGenerationMethods":["generateContent","countTokens"]},{"name":"models/b","displayName":"b","supportedGenerationMethods":["generateContent","countTokens"]}]}
    {"name":"models/b","displayName":"b","supportedGenerationMethods":["generateContent","countTokens"]}
    {"models":[]}
    "#);
}

#[test]
fn what_is_no_reply_is_never_passed_on() {
    let malformed = |from: Dialect, body: &'static str| {
        let results = Dialect::ALL.iter().map(|to| relay_reply(from, *to, &body.into()));
        let errors: Vec<Malformed> = results.map(|result| result.expect_err(body)).collect();
        assert!(errors.iter().all(|error| *error == errors[0]), "{errors:?}");
        errors[0].clone()
    };
    for from in Dialect::ALL {
        assert_eq!(malformed(*from, ""), Malformed::Empty);
        assert_eq!(malformed(*from, " \n"), Malformed::Empty);
        assert_eq!(malformed(*from, "<html><body>502</body></html>"), Malformed::Html);
        assert_eq!(malformed(*from, "upstream timed out"), Malformed::NotJson);
        for shapeless in ["{}", "[]", "7", r#"{"choices":7,"content":7}"#] {
            assert!(matches!(malformed(*from, shapeless), Malformed::Shape { .. }), "{shapeless}");
        }
        let error = malformed(*from, r#"{"type":"error","error":{"type":"t","message":"no"}}"#);
        let Malformed::ErrorInside(error) = error else { panic!("{error}") };
        assert_eq!((error.kind.as_deref(), error.message.as_str()), (Some("t"), "no"));
    }
    let cut = r#"{"id":"x","object":"chat.completion","choices":[{"index":0,"mess"#;
    assert_eq!(malformed(Dialect::OpenaiChat, cut), Malformed::NotJson);
    let no_message = r#"{"choices":[{"index":0,"finish_reason":"stop"}]}"#;
    assert!(matches!(malformed(Dialect::OpenaiChat, no_message), Malformed::Shape { .. }));
    let broken = r#"{"choices":[{"message":{"content":"x"},"finish_reason":"error"}]}"#;
    assert!(matches!(malformed(Dialect::OpenaiChat, broken), Malformed::ErrorInside(_)));
}
