//! Laws of trying: whatever the ledger answers, each hold has one verdict, in order, and nothing is told that was not said.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what is wrong by failing"
)]

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use booking_ledger::{
    Committed, Counter, Holds, Ledger, Meters, Part, Persisted, Trouble, Verdict, Word, persist,
};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use proptest::prelude::*;
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(6);

/// What comes of the next tries; afterwards everything commits. Holds in `spoils` are never accepted by the schema.
#[derive(Default)]
struct Scripted {
    troubles: VecDeque<Trouble>,
    spoils: HashSet<i64>,
    /// The try, counted from one, that has no answer.
    hangs: Option<usize>,
    /// Windows of the holds of each try.
    tried: Vec<Vec<i64>>,
}

impl Ledger for Scripted {
    async fn hold(&mut self, part: Part<'_>, within: Duration) -> Result<Committed, Trouble> {
        let windows = part.holds.window_ids[part.from..part.to].to_vec();
        self.tried.push(windows.clone());
        if self.hangs == Some(self.tried.len()) {
            tokio::time::sleep(within).await;
            return Err(away());
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
        if let Some(trouble) = self.troubles.pop_front() {
            return Err(trouble);
        }
        if windows.iter().any(|window| self.spoils.contains(window)) {
            return Err(Trouble::Spoilt("23514".to_owned()));
        }
        Ok(Committed {
            words: windows
                .iter()
                .map(|window| Word::no(&window.to_string()))
                .collect(),
            counters: vec![Counter {
                session_id: 1,
                field: "w:1".to_owned(),
                version: 2,
                free: 3,
            }],
        })
    }
}

fn holds(count: usize) -> Holds<'static> {
    let ids = || (0..count).map(|n| Uuid::from_u128(n as u128)).collect();
    Holds {
        claim_ids: ids(),
        hold_tokens: ids(),
        actors: vec!["account".to_owned(); count],
        account_ids: ids(),
        person_ids: ids(),
        window_ids: (0..i64::try_from(count).expect("few")).collect(),
        channels: vec!["h5"; count],
        stock_ids: vec![1; count],
        keys: vec!["key"; count],
        body_hashes: vec![&[0; 32]; count],
        sources: vec!["h5"; count],
        pass_generations: vec![0; count],
    }
}

/// Runs on a clock that jumps to whatever is waited for.
fn run(ledger: &mut Scripted, count: usize) -> (Persisted, Duration, String) {
    let mut registry = Registry::with_prefix("humiao_ledger");
    let meters = Meters::register(&mut registry);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let (persisted, took) = runtime.block_on(async {
        let began = tokio::time::Instant::now();
        let persisted = persist(ledger, &holds(count), PATIENCE, &meters).await;
        (persisted, began.elapsed())
    });
    let mut text = String::new();
    encode(&mut text, &registry).expect("a text");
    (persisted, took, text)
}

fn told(code: &str) -> Verdict {
    Verdict::Told(Word::no(code))
}

fn words_of(windows: std::ops::Range<usize>) -> Vec<Verdict> {
    windows.map(|window| told(&window.to_string())).collect()
}

fn transient() -> Trouble {
    Trouble::Transient("40P01".to_owned())
}

fn away() -> Trouble {
    Trouble::Away("closed".to_owned())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn each_hold_has_one_verdict_whatever_happens(
        count in 1_usize..40,
        spoils in prop::collection::hash_set(0_i64..40, 0..6),
        troubles in prop::collection::vec(
            prop_oneof![Just(transient()), Just(away()), Just(Trouble::Spoilt(String::new()))], 0..6),
    ) {
        let mut ledger = Scripted { troubles: troubles.into(), spoils: spoils.clone(), ..Scripted::default() };
        let (persisted, _, _) = run(&mut ledger, count);
        prop_assert_eq!(persisted.verdicts.len(), count);
        for (window, verdict) in persisted.verdicts.into_iter().enumerate() {
            let spoilt = spoils.contains(&i64::try_from(window).expect("few"));
            let expected = if spoilt { told("busy") } else { told(&window.to_string()) };
            prop_assert_eq!(verdict, expected);
        }
    }
}

#[test]
fn what_may_be_done_again_is_done_again_until_it_commits() {
    let troubles = VecDeque::from([transient(), away(), transient()]);
    let mut ledger = Scripted {
        troubles,
        ..Scripted::default()
    };
    let (persisted, _, text) = run(&mut ledger, 3);
    assert_eq!(persisted.verdicts, words_of(0..3));
    assert_eq!(persisted.counters.len(), 1);
    assert_eq!(persisted.trouble, None);
    assert_eq!(ledger.tried.len(), 4);
    for (ending, times) in [
        ("committed", 1),
        ("transient", 2),
        ("away", 1),
        ("spoilt", 0),
    ] {
        let line = format!(
            "humiao_ledger_tries_total{{statement=\"hold\",ending=\"{ending}\"}} {times}\n"
        );
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
}

#[test]
fn after_its_patience_the_outcome_is_unknown_and_not_before() {
    let mut ledger = Scripted {
        troubles: vec![away(); 1000].into(),
        ..Scripted::default()
    };
    let (persisted, took, text) = run(&mut ledger, 2);
    assert_eq!(persisted.verdicts, [Verdict::Unknown, Verdict::Unknown]);
    assert_eq!(persisted.trouble, Some(away()));
    assert!(took > PATIENCE / 6 * 5, "{took:?}");
    assert!(took <= PATIENCE, "{took:?}");
    assert!(text.contains("humiao_ledger_unknown_total{statement=\"hold\"} 2\n"));
}

#[test]
fn a_try_without_an_answer_takes_the_patience_and_no_longer() {
    // What has been waited for before the third try counts as well.
    for hangs in [1, 3] {
        let mut ledger = Scripted {
            troubles: vec![away(); 2].into(),
            hangs: Some(hangs),
            ..Scripted::default()
        };
        let (persisted, took, _) = run(&mut ledger, 2);
        assert_eq!(persisted.verdicts, [Verdict::Unknown, Verdict::Unknown]);
        assert_eq!(ledger.tried.len(), hangs);
        assert_eq!(took, PATIENCE);
    }
}

#[test]
fn one_spoilt_try_is_not_held_against_the_batch() {
    let mut ledger = Scripted {
        troubles: vec![Trouble::Spoilt("23505".to_owned())].into(),
        ..Scripted::default()
    };
    let (persisted, ..) = run(&mut ledger, 5);
    assert_eq!(persisted.verdicts, words_of(0..5));
    assert!(ledger.tried.iter().all(|windows| windows.len() == 5));
}

#[test]
fn a_hold_that_spoils_its_batch_is_found_by_halves() {
    let mut ledger = Scripted {
        spoils: HashSet::from([7]),
        ..Scripted::default()
    };
    let (persisted, ..) = run(&mut ledger, 64);
    let mut expected = words_of(0..64);
    expected[7] = told("busy");
    assert_eq!(persisted.verdicts, expected);
    // Six times halved, each part tried twice, and what is left alone five times.
    assert_eq!(
        ledger
            .tried
            .iter()
            .filter(|windows| windows.contains(&7))
            .count(),
        6 * 2 + 5
    );
}

#[test]
fn what_should_not_happen_is_not_tried_again() {
    let broken = Trouble::Broken("42883".to_owned());
    let mut ledger = Scripted {
        troubles: vec![broken.clone()].into(),
        ..Scripted::default()
    };
    let (persisted, ..) = run(&mut ledger, 2);
    assert_eq!(persisted.verdicts, [Verdict::Unknown, Verdict::Unknown]);
    assert_eq!(persisted.trouble, Some(broken));
    assert_eq!(ledger.tried.len(), 1);
}
