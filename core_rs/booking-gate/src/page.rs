//! A refusal that a browser shows by itself: whoever opens a page that nobody can bring just now reads words and a button, not
//! JSON, and the browser tries again.

use booking_core::time::Instant;
use bytes::Bytes;
use hyper::header::{
    ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY, RETRY_AFTER,
};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use serde::Deserialize;

use crate::body::Body;

const PAGE: &str = include_str!("page.html");
/// Nothing is fetched, and no other site shows it in a frame.
const GUARD: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; \
                     form-action 'none'; frame-ancestors 'none'";
/// After which a page is tried again where nobody says better (s).
const WAIT_S: i64 = 5;
/// Who was turned away in the same second comes back over so many more; the milliseconds of the clock are the dice.
const SPREAD_S: i64 = 5;
/// Statuses after which trying again helps.
const TRY_AGAIN: [StatusCode; 4] = [
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];

/// What the vocabulary says to people.
#[derive(Deserialize)]
struct Words {
    title: String,
    detail: String,
}

/// Whether a browser asks for what it will show, not a page that is there already for its data.
pub fn is_asked(head: &Parts) -> bool {
    let names_html =
        |value: &HeaderValue| memchr::memmem::find(value.as_bytes(), b"text/html").is_some();
    head.method == Method::GET
        && !head.uri.path().starts_with("/api/")
        && head.headers.get_all(ACCEPT).iter().any(names_html)
}

/// A refusal of the gate's own that will pass, as a page; anything else as it is.
pub fn of(mut answer: Response<Body>, now: Instant) -> Response<Body> {
    let Some(words) = words_of(&answer) else {
        return answer;
    };
    let told_s = answer.headers().get(RETRY_AFTER);
    let told_s = told_s.and_then(|told| told.to_str().ok()?.parse::<i64>().ok());
    let wait_s = told_s
        .unwrap_or(WAIT_S)
        .saturating_add(now.0.rem_euclid(SPREAD_S));
    let text = PAGE
        .replace("{title}", &escaped(&words.title))
        .replace("{detail}", &escaped(&words.detail))
        .replace("{wait_s}", &wait_s.to_string());
    let headers = answer.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, GUARD),
        (REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    *answer.body_mut() = Body::full(Bytes::from(text));
    answer
}

fn words_of(answer: &Response<Body>) -> Option<Words> {
    let kind = answer.headers().get(CONTENT_TYPE)?;
    if !TRY_AGAIN.contains(&answer.status()) || kind != "application/problem+json" {
        return None;
    }
    serde_json::from_slice(answer.body().at_hand()?).ok()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
