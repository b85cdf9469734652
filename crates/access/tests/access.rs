//! Keys and sign-in through the crate's public face.

use std::net::{IpAddr, Ipv4Addr};

use access::{AccessError, Admin, Keys, NewKey, Refusal, Secret, SignInRefusal};
use store::Store;
use terms::time::{Moment, Timestamp};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

async fn with_key() -> (Store, Keys, NewKey) {
    let store = Store::in_memory().await.expect("a store in memory opens");
    let keys = Keys::load(&store).await.expect("an empty store loads");
    let key = keys
        .create(&store, "ada".into(), "platform".into(), "laptop", Timestamp(1))
        .await
        .expect("the names are well formed");
    (store, keys, key)
}

#[tokio::test]
async fn a_key_says_who_asks() {
    let (_store, keys, key) = with_key().await;
    let caller = keys.identify(key.secret.expose()).unwrap();
    assert_eq!(caller.key, key.id);
    assert_eq!((caller.principal.as_str(), caller.team.as_str()), ("ada", "platform"));
}

#[tokio::test]
async fn unknown_disabled_and_malformed_keys_are_refused_alike() {
    let (store, keys, key) = with_key().await;
    let presented = key.secret.expose();
    let mut other_proof = presented.to_owned();
    other_proof.replace_range(58..59, if presented.ends_with('A') { "B" } else { "A" });
    let other_id = presented.replacen(&key.id.as_str()[3..], "aaaaaaaaaaaa", 1);
    for text in ["", "sk-123", key.id.as_str(), &other_proof, &other_id] {
        assert_eq!(keys.identify(text), Err(Refusal), "{text}");
    }
    assert!(keys.disable(&store, &key.id, Timestamp(2)).await.unwrap());
    assert_eq!(keys.identify(presented), Err(Refusal));
    assert!(!keys.disable(&store, &key.id, Timestamp(3)).await.unwrap());
}

#[tokio::test]
async fn keys_survive_a_restart_and_a_disabled_one_stays_so() {
    let (store, keys, key) = with_key().await;
    let second = keys
        .create(&store, "ada".into(), "platform".into(), "desktop", Timestamp(2))
        .await
        .unwrap();
    keys.disable(&store, &second.id, Timestamp(3)).await.unwrap();

    let after = Keys::load(&store).await.unwrap();
    assert!(after.identify(key.secret.expose()).is_ok());
    assert_eq!(after.identify(second.secret.expose()), Err(Refusal));
    let list = after.list();
    assert_eq!(list, keys.list());
    assert_eq!(list.iter().map(|key| key.name.as_str()).collect::<Vec<_>>(), ["laptop", "desktop"]);
    assert_eq!(list[1].disabled_at, Some(Timestamp(3)));
}

#[tokio::test]
async fn a_reload_learns_what_another_program_did() {
    let (store, keys, _key) = with_key().await;
    let other = Keys::load(&store).await.unwrap();
    let made =
        other.create(&store, "grace".into(), "research".into(), "ci", Timestamp(2)).await.unwrap();
    assert_eq!(keys.identify(made.secret.expose()), Err(Refusal));
    keys.reload(&store).await.unwrap();
    assert!(keys.identify(made.secret.expose()).is_ok());
}

#[tokio::test]
async fn the_store_never_sees_a_secret() {
    let (store, _keys, key) = with_key().await;
    let row = &store.keys().await.unwrap()[0];
    let proof = &key.secret.expose()[16..];
    assert!(!format!("{row:?}").contains(proof));
    assert!(!format!("{key:?}").contains(proof));
}

#[tokio::test]
async fn a_key_needs_names_that_fit_a_table() {
    let (store, keys, _key) = with_key().await;
    for (principal, name, what) in [
        ("", "laptop", "principal"),
        ("ada", "line\nbreak", "name"),
        ("ada", &"a".repeat(101), "name"),
    ] {
        let refused =
            keys.create(&store, principal.into(), "platform".into(), name, Timestamp(1)).await;
        let named =
            matches!(&refused, Err(AccessError::BadName { what: found, .. }) if *found == what);
        assert!(named, "{refused:?}");
    }
    assert_eq!(keys.list().len(), 1);
}

fn admin() -> Admin {
    Admin::new(&Secret::new("correct horse battery")).expect("there is randomness")
}

#[test]
fn the_admin_secret_opens_a_session_that_ends() {
    let admin = admin();
    let session = admin.sign_in(HERE, "correct horse battery", Moment(0)).unwrap();
    let cookie = session.cookie.expose();
    let found = admin.session(cookie, Moment(1)).unwrap();
    assert!(admin.is_live(&found, Moment(access::SESSION_MS - 1)));
    assert!(!admin.is_live(&found, Moment(access::SESSION_MS)));
    assert!(admin.session("made up", Moment(1)).is_none());

    admin.sign_out(cookie, Moment(2));
    assert!(admin.session(cookie, Moment(3)).is_none());
    assert!(!admin.is_live(&found, Moment(3)));
}

#[test]
fn a_sign_in_code_works_once() {
    let admin = admin();
    let code = admin.issue_code(Moment(0)).unwrap();
    assert!(admin.sign_in_with_code(HERE, code.expose(), Moment(1)).is_ok());
    let again = admin.sign_in_with_code(HERE, code.expose(), Moment(2));
    assert!(matches!(again, Err(SignInRefusal::Wrong)));

    let late = admin.issue_code(Moment(0)).unwrap();
    let refused = admin.sign_in_with_code(HERE, late.expose(), Moment(access::SIGN_IN_CODE_MS));
    assert!(matches!(refused, Err(SignInRefusal::Wrong)));
}

#[test]
fn after_five_wrong_tries_even_the_right_secret_waits() {
    let admin = admin();
    for _ in 0..5 {
        let refused = admin.verify(HERE, "wrong", Moment(0));
        assert!(matches!(refused, Err(SignInRefusal::Wrong)));
    }
    let waits = admin.verify(HERE, "correct horse battery", Moment(20_000));
    assert!(matches!(waits, Err(SignInRefusal::TooMany { retry_after_ms: 40_000 })), "{waits:?}");
    assert!(admin.verify(ELSEWHERE, "correct horse battery", Moment(20_000)).is_ok());
    assert!(admin.verify(HERE, "correct horse battery", Moment(60_000)).is_ok());
}

#[tokio::test]
async fn a_lent_key_works_and_is_kept_nowhere() {
    let store = Store::in_memory().await.unwrap();
    let keys = Keys::load(&store).await.unwrap();
    let secret = keys.lend("steps".into(), "default".into(), Timestamp(1)).unwrap();
    keys.reload(&store).await.unwrap();
    assert_eq!(keys.identify(secret.expose()).unwrap().principal.as_str(), "steps");
    assert!(keys.list().is_empty());
    let next = Keys::load(&store).await.unwrap();
    assert!(next.identify(secret.expose()).is_err(), "it ends with the process");
}
