//! Addresses: the application's own, with what they say of TLS; no refusal repeats a password.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what is wrong by failing"
)]

use booking_ledger::Endpoint;

fn why_not(url: &str) -> String {
    match Endpoint::new(url, "test") {
        Ok(_) => panic!("{url} is understood"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_addresses_of_the_application_are_understood() {
    for url in [
        "postgresql://humiao:secret@127.0.0.1:5432/humiao",
        "postgres://humiao@db.internal/humiao",
        "postgresql://humiao:p%40ss@db/humiao?sslmode=disable",
        "postgresql://humiao:secret@one,two:5433/humiao?target_session_attrs=read-write&sslmode=prefer",
        "postgresql://humiao:secret@db/humiao?sslmode=require&connect_timeout=3",
        "postgresql://humiao@/humiao?host=/run/postgresql&port=5433",
    ] {
        assert!(Endpoint::new(url, "test").is_ok(), "{url}");
    }
}

#[test]
fn a_refusal_says_what_is_wrong_and_no_password() {
    for url in [
        "mysql://humiao:secret@db/humiao",
        "postgresql://humiao:secret@db/humiao?sslmode=perhaps",
        "postgresql://humiao:secret@db/humiao?no_such_option=1",
        "postgresql://humiao:secret@db:port/humiao",
    ] {
        let words = why_not(url);
        assert!(
            words.starts_with("the database's address is not understood"),
            "{words}"
        );
        assert!(!words.contains("secret"), "{words}");
    }
}

#[test]
fn who_wants_a_known_issuer_names_it() {
    let at = "postgresql://humiao:secret@db/humiao?sslmode=verify-full";
    assert!(why_not(at).contains("sslrootcert is missing"));
    assert!(why_not(&format!("{at}&sslrootcert=/nowhere/root.pem")).contains("sslrootcert"));
}
