//! Items of requests as they are listed afterwards: each with an id, and in the long form in which the
//! vendor's clients read them. Works on the bytes; what is written stays as it was written.

use super::kept::each;
use crate::{
    json::write,
    kept::ListedItem,
    splice::{Edit, splice, value_of},
};

/// The items, comma-separated, of one request. `name` makes ids for those that have none.
pub(crate) fn listed(items: &str, name: &str) -> Vec<ListedItem> {
    let list = format!("[{items}]");
    let tail = name.strip_prefix("resp_").unwrap_or(name);
    let item = |(index, item): (usize, &str)| {
        let given = value_of(item, "id").and_then(|span| serde_json::from_str(&item[span]).ok());
        let given: Option<String> = given.filter(|id: &String| !id.is_empty());
        let id = given.unwrap_or_else(|| format!("{}_{tail}_in{index}", prefix(item)));
        ListedItem { json: long(item, &id), id }
    };
    each(&list).into_iter().enumerate().map(item).collect()
}

/// The vendor's short word for a kind of item, which its ids begin with.
fn prefix(item: &str) -> &'static str {
    match kind(item) {
        Some("\"message\"") | None => "msg",
        Some("\"function_call\"") => "fc",
        Some("\"function_call_output\"") => "fco",
        Some("\"reasoning\"") => "rs",
        Some(_) => "item",
    }
}

fn kind(item: &str) -> Option<&str> {
    value_of(item, "type").map(|span| &item[span])
}

fn long(item: &str, id: &str) -> String {
    let mut quoted = Vec::new();
    write::text(&mut quoted, id);
    let quoted = String::from_utf8(quoted).expect("escaping keeps UTF-8");
    let mut first = String::new();
    let mut edits = Vec::new();
    match value_of(item, "id") {
        Some(span) => edits.push(Edit { span, text: quoted }),
        None => first = format!("\"id\":{quoted},"),
    }
    let kind = kind(item);
    if kind.is_none() {
        first.push_str("\"type\":\"message\",");
    }
    let has_status = matches!(
        kind,
        None | Some("\"message\"" | "\"function_call\"" | "\"function_call_output\"")
    );
    if has_status && value_of(item, "status").is_none() {
        first.push_str("\"status\":\"completed\",");
    }
    if matches!(kind, None | Some("\"message\"")) {
        edits.extend(parts(item));
    }
    // An object without members would keep the comma.
    let is_empty = item[1..].trim_start().starts_with('}');
    let first = if is_empty { first.trim_end_matches(',').to_owned() } else { first };
    edits.push(Edit { span: 1..1, text: first });
    let long = splice(&bytes::Bytes::copy_from_slice(item.as_bytes()), edits);
    String::from_utf8(long.to_vec()).expect("texts were put into a text")
}

/// A message's content as a list of parts, where it is a lone text.
fn parts(item: &str) -> Option<Edit> {
    let span = value_of(item, "content").filter(|span| item[span.clone()].starts_with('"'))?;
    let text = &item[span.clone()];
    let said = value_of(item, "role").is_some_and(|role| &item[role] == "\"assistant\"");
    let text = if said {
        format!("[{{\"type\":\"output_text\",\"text\":{text},\"annotations\":[]}}]")
    } else {
        format!("[{{\"type\":\"input_text\",\"text\":{text}}}]")
    };
    Some(Edit { span, text })
}

#[cfg(test)]
mod tests {
    use super::listed;

    #[test]
    fn items_are_listed_in_their_long_form() {
        let check = |item: &str, expect: &str| {
            let [item] = &listed(item, "resp_7")[..] else { panic!("one item") };
            assert_eq!(item.json, expect);
        };
        check(
            r#"{"role":"user", "content":"caf\u00e9"}"#,
            r#"{"id":"msg_7_in0","type":"message","status":"completed","role":"user", "content":[{"type":"input_text","text":"caf\u00e9"}]}"#,
        );
        check(
            r#"{"type":"message","role":"assistant","id":"msg_1","content":"x","status":"incomplete"}"#,
            r#"{"type":"message","role":"assistant","id":"msg_1","content":[{"type":"output_text","text":"x","annotations":[]}],"status":"incomplete"}"#,
        );
        check(
            r#"{"type":"function_call_output","id":null,"call_id":"c","output":"1"}"#,
            r#"{"status":"completed","type":"function_call_output","id":"fco_7_in0","call_id":"c","output":"1"}"#,
        );
        check(
            r#"{"type":"reasoning","summary":[]}"#,
            r#"{"id":"rs_7_in0","type":"reasoning","summary":[]}"#,
        );
        check("{}", r#"{"id":"msg_7_in0","type":"message","status":"completed"}"#);
        assert_eq!(listed("", "resp_7"), []);
        let ids: Vec<String> =
            listed(r#"{"role":"user"},{"role":"user"}"#, "r").into_iter().map(|i| i.id).collect();
        assert_eq!(ids, ["msg_r_in0", "msg_r_in1"]);
    }
}
