//! AWS Signature Version 4: a request's values and the time in, its headers out. Pure; it reads no
//! clock and no environment. Source: AWS General Reference, "Create a signed AWS API request".

use http::Uri;
use ring::{digest, hmac};
use terms::time::Timestamp;

use crate::percent::{escaped, hexadecimal};

/// Who signs. Never printed.
#[derive(Clone)]
pub struct AwsKeys {
    /// `AKIA…`, no secret.
    pub access_key_id: String,
    /// The secret that belongs to it.
    pub secret_access_key: String,
    /// Of temporary credentials.
    pub session_token: Option<String>,
    /// Where the service runs: `eu-central-1`.
    pub region: String,
}

impl std::fmt::Debug for AwsKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AwsKeys").field("region", &self.region).finish_non_exhaustive()
    }
}

/// What is signed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signed<'a> {
    pub(crate) method: &'a str,
    /// With its escapes, as it goes out.
    pub(crate) uri: &'a Uri,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) body: &'a [u8],
    pub(crate) service: &'a str,
}

/// The headers that a signature consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signature {
    pub(crate) authorization: String,
    /// `x-amz-date`.
    pub(crate) date: String,
}

/// Signs a request. Its `host` header must be the authority of its address.
pub(crate) fn sign(request: &Signed<'_>, keys: &AwsKeys, now: Timestamp) -> Signature {
    let day = now.date().replace('-', "");
    let date = format!("{day}T{}Z", now.clock().replace(':', ""));
    let (headers, names) = headers(request, keys, &date);
    let canonical = format!(
        "{}\n{}\n{}\n{headers}\n{names}\n{}",
        request.method,
        canonical_path(request.uri.path()),
        canonical_query(request.uri.query().unwrap_or_default()),
        hash(request.body),
    );
    let scope = format!("{day}/{}/{}/aws4_request", keys.region, request.service);
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hash(canonical.as_bytes()));
    let secret = format!("AWS4{}", keys.secret_access_key);
    let mut key = keyed(secret.as_bytes(), day.as_bytes());
    for part in [keys.region.as_str(), request.service, "aws4_request"] {
        key = keyed(key.as_ref(), part.as_bytes());
    }
    let signature = hexadecimal(keyed(key.as_ref(), text.as_bytes()).as_ref());
    let id = &keys.access_key_id;
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}"
    );
    Signature { authorization, date }
}

/// The headers that are signed, one per line in the order of their names, and their names.
fn headers(request: &Signed<'_>, keys: &AwsKeys, date: &str) -> (String, String) {
    let host = request.uri.authority().map_or("", |authority| authority.as_str());
    let signed = [
        ("content-type", request.content_type),
        ("host", Some(host)),
        ("x-amz-date", Some(date)),
        ("x-amz-security-token", keys.session_token.as_deref()),
    ];
    let signed = signed.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let lines = signed.clone().map(|(name, value)| format!("{name}:{}\n", value.trim()));
    let names: Vec<&str> = signed.clone().map(|(name, _)| name).collect();
    (lines.collect(), names.join(";"))
}

/// Every service but S3 has the path escaped once more than it goes out.
fn canonical_path(path: &str) -> String {
    if path.is_empty() { "/".to_owned() } else { escaped(path, b"/") }
}

/// Parameters in the order of their escaped names and values. They come escaped already.
fn canonical_query(query: &str) -> String {
    let mut parameters: Vec<(&str, &str)> = query
        .split('&')
        .filter(|parameter| !parameter.is_empty())
        .map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")))
        .collect();
    parameters.sort_unstable();
    let written: Vec<String> =
        parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    written.join("&")
}

fn hash(bytes: &[u8]) -> String {
    hexadecimal(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn keyed(key: &[u8], text: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text)
}

#[cfg(test)]
mod tests {
    use terms::time::Timestamp;

    use super::{AwsKeys, Signed, sign};

    /// 2015-08-30T12:36:00Z, the moment of all of Amazon's examples.
    const THEN: Timestamp = Timestamp(1_440_938_160_000);

    fn keys() -> AwsKeys {
        AwsKeys {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
            session_token: None,
            region: "us-east-1".to_owned(),
        }
    }

    fn check(request: &Signed<'_>, keys: &AwsKeys, names: &str, signature: &str) {
        let signed = sign(request, keys, THEN);
        assert_eq!(signed.date, "20150830T123600Z");
        let expect = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/{}/aws4_request, \
             SignedHeaders={names}, Signature={signature}",
            request.service
        );
        assert_eq!(signed.authorization, expect);
    }

    /// `get-vanilla`, `post-vanilla`, `get-vanilla-query-order-key-case` and
    /// `post-x-www-form-urlencoded` of Amazon's "Signature Version 4 Test Suite", and the example of
    /// its General Reference.
    #[test]
    fn amazons_own_examples_get_their_published_signatures() {
        let get =
            |uri| Signed { method: "GET", uri, content_type: None, body: b"", service: "service" };
        let plain = "https://example.amazonaws.com/".parse().unwrap();
        let names = "host;x-amz-date";
        check(
            &get(&plain),
            &keys(),
            names,
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        );
        check(
            &Signed { method: "POST", ..get(&plain) },
            &keys(),
            names,
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        );
        let query = "https://example.amazonaws.com/?Param2=value2&Param1=value1".parse().unwrap();
        check(
            &get(&query),
            &keys(),
            names,
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        );
        check(
            &Signed {
                method: "POST",
                content_type: Some("application/x-www-form-urlencoded"),
                body: b"Param1=value1",
                ..get(&plain)
            },
            &keys(),
            "content-type;host;x-amz-date",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        );
        let list = "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08";
        check(
            &Signed {
                content_type: Some("application/x-www-form-urlencoded; charset=utf-8"),
                service: "iam",
                ..get(&list.parse().unwrap())
            },
            &keys(),
            "content-type;host;x-amz-date",
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
        );
    }

    /// Computed beside this code with Python's `hmac` and `hashlib`: an escaped path is escaped again,
    /// and a session token is signed.
    #[test]
    fn a_call_to_bedrock_is_signed_with_its_token_and_its_path_escaped_twice() {
        let uri = "https://bedrock-runtime.us-east-1.amazonaws.com/model/us.anthropic.claude-v1%3A0/converse";
        let request = Signed {
            method: "POST",
            uri: &uri.parse().unwrap(),
            content_type: Some("application/json"),
            body: b"{}",
            service: "bedrock",
        };
        let keys = AwsKeys { session_token: Some("session".to_owned()), ..keys() };
        check(
            &request,
            &keys,
            "content-type;host;x-amz-date;x-amz-security-token",
            "ef7bcd447f4e6564dd893f29b5f78a2cf45973274717ea7c24d29827131db180",
        );
        assert!(!format!("{keys:?}").contains("wJalr"));
    }
}
