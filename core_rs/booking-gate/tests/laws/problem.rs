//! Every refusal is a problem that a machine can read and that says when to come back.

use booking_core::time::Instant;
use booking_gate::problem::{Kind, Problems, VocabularyGap, city_time};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::Value;

fn kind(code: &str, status: u16, tail: &str) -> Kind {
    Kind {
        code: code.to_owned(),
        status,
        head: format!(
            r#"{{"type":"urn:humiao:problem:{code}","title":"该时段已约满","status":{status},"code":"{code}""#
        ),
        tail: tail.to_owned(),
    }
}

fn problems(status: u16, tail: &str) -> Problems {
    Problems::new(
        vec![kind("told", status, tail), kind("internal", 500, "")],
        &["told"],
    )
    .unwrap()
}

const NOW: Instant = Instant(1_800_000_000_000);

fn tails() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just(""),
        Just(r#","detail":"请稍后","next_steps":[{"action":"retry","label":"稍后重试"}]"#)
    ]
}

proptest! {
    #[test]
    fn a_refusal_can_be_read_and_says_when_to_come_back(
        status in 400_u16..600, tail in tails(), known in any::<bool>(),
        wait_ms in prop::option::of(prop_oneof![-10_000_i64..100_000, any::<i64>()])
    ) {
        let retry_at = wait_ms.map(|wait_ms| Instant(NOW.0.saturating_add(wait_ms)));
        let answer = problems(status, tail).answer(if known { "told" } else { "never heard of" }, retry_at, NOW);
        let status = if known { status } else { 500 };
        prop_assert_eq!(answer.status().as_u16(), status);
        let (head, body) = answer.into_parts();
        prop_assert_eq!(&head.headers["content-type"], "application/problem+json");
        prop_assert_eq!(&head.headers["cache-control"], "no-store");
        prop_assert_eq!(head.headers.contains_key("www-authenticate"), status == 401);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let body = runtime.block_on(body.collect()).unwrap().to_bytes();
        let json: Value = serde_json::from_slice(&body).unwrap();
        prop_assert_eq!(&json["status"], status);
        prop_assert_eq!(&json["code"], if known { "told" } else { "internal" });
        match (retry_at, json.get("retry_at")) {
            (Some(at), Some(told)) => {
                let told: Timestamp = told.as_str().unwrap().parse().unwrap();
                prop_assert_eq!(told.as_millisecond(), at.0);
            }
            (Some(at), None) => prop_assert!(Timestamp::from_millisecond(at.0).is_err()),
            (None, told) => prop_assert_eq!(told, None),
        }
        // Seconds to wait, never none, and never so few that one comes too early.
        let waits = head.headers.get("retry-after").map(|value| value.to_str().unwrap().parse::<i64>().unwrap());
        match (status, retry_at) {
            (409 | 429 | 503, Some(at)) => {
                let wait_s = waits.unwrap();
                prop_assert!(wait_s >= 1);
                prop_assert!(at.0.saturating_sub(NOW.0) <= wait_s.saturating_mul(1000) || at.0 > i64::MAX - 1000);
            }
            (503, None) => prop_assert_eq!(waits, Some(2)),
            _ => prop_assert_eq!(waits, None),
        }
    }

    #[test]
    fn what_is_written_at_once_is_the_same_answer(
        status in 400_u16..600, tail in tails(), wait_ms in prop::option::of(-10_000_i64..100_000)
    ) {
        let retry_at = wait_ms.map(|wait_ms| Instant(NOW.0 + wait_ms));
        let problems = problems(status, tail);
        let mut wire = b"what lies before".to_vec();
        let written = problems.write(&mut wire, "told", retry_at, NOW, |out| out.extend_from_slice(b"date: today"));
        let answer = problems.answer("told", retry_at, NOW);
        let Some(written) = written else {
            prop_assert!(status == 401 || answer.status().canonical_reason().is_none());
            prop_assert_eq!(wire, b"what lies before");
            return Ok(());
        };
        prop_assert_eq!(written, status);
        let mut room = [httparse::EMPTY_HEADER; 16];
        let mut read = httparse::Response::new(&mut room);
        let wire = &wire[b"what lies before".len()..];
        let head = read.parse(wire).unwrap().unwrap();
        prop_assert_eq!(read.code, Some(status));
        let (expected, body) = answer.into_parts();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let body = runtime.block_on(body.collect()).unwrap().to_bytes();
        prop_assert_eq!(&wire[head..], &body[..]);
        let mut told: Vec<(String, Vec<u8>)> =
            read.headers.iter().map(|header| (header.name.to_owned(), header.value.to_vec())).collect();
        let mut owed: Vec<(String, Vec<u8>)> =
            expected.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
        owed.push(("content-length".to_owned(), body.len().to_string().into_bytes()));
        owed.push(("date".to_owned(), b"today".to_vec()));
        told.sort();
        owed.sort();
        prop_assert_eq!(told, owed);
    }

    #[test]
    fn a_time_is_told_as_the_city_reads_it(ms in 0_i64..4_102_444_800_000) {
        let text = city_time(Instant(ms)).unwrap();
        prop_assert!(text.ends_with("+08:00") && text.len() == "2026-11-24T09:00:00.000+08:00".len());
        prop_assert_eq!(text.parse::<Timestamp>().unwrap().as_millisecond(), ms);
    }

    #[test]
    fn times_of_a_few_seconds_in_turn_are_each_their_own(times in prop::collection::vec((0_i64..4, 0_i64..1000), 1..40)) {
        for (second, ms) in times {
            let at = second * 1000 + ms;
            let text = city_time(Instant(at)).unwrap();
            prop_assert_eq!(text.parse::<Timestamp>().unwrap().as_millisecond(), at);
        }
    }
}

#[test]
fn a_vocabulary_with_a_gap_is_no_vocabulary() {
    let gap = |kinds, needed| Problems::new(kinds, needed).err();
    assert_eq!(
        gap(vec![], &["busy"]),
        Some(VocabularyGap("busy".to_owned()))
    );
    for status in [0, 200, 302, 399, 600, 1000] {
        assert_eq!(
            gap(vec![kind("busy", status, "")], &["busy"]),
            Some(VocabularyGap("busy".to_owned())),
            "{status}"
        );
    }
    assert_eq!(gap(vec![kind("busy", 503, "")], &["busy"]), None);
}

#[test]
fn times_that_no_calendar_has_are_left_out() {
    assert_eq!(city_time(Instant(i64::MAX)), None);
    assert_eq!(city_time(Instant(i64::MIN)), None);
    assert_eq!(
        city_time(Instant(0)).as_deref(),
        Some("1970-01-01T08:00:00.000+08:00")
    );
}
