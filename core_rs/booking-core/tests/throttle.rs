//! One pace over many gates: laws over every order in which requests and reports may cross.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use std::num::NonZeroU64;

use booking_core::gcra::{Decision, Limiter};
use booking_core::throttle::{Callers, Pace};
use proptest::prelude::*;

const START: u64 = 1_000_000;
/// The cache's clock is not the gates'.
const SKEW: u64 = 123_456;

/// A report on its way: taken, then counted by the cache.
#[derive(Debug, Clone, Copy)]
struct UnderWay {
    count: u64,
    first: u64,
    ahead: Option<u64>,
}

/// One gate and what it let one caller do.
#[derive(Debug, Clone, Copy, Default)]
struct Gate {
    kept: u64,
    /// Let through and not taken into a report: how many, and the first one's instant.
    noted: Option<(u64, u64)>,
    report: Option<UnderWay>,
    /// Let through since the taking of the last report that was answered.
    unanswered: u64,
}

/// A request that was let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Passed {
    gate: usize,
    at: u64,
    /// What this gate had let through, this one included, after the taking of its last answered report.
    unanswered: u64,
    /// What the cache had forgiven by then.
    forgiven: u64,
}

/// Gates, and the cache to which they report.
struct City {
    limiter: Limiter,
    pace: Pace,
    gates: Vec<Gate>,
    cache: Callers<()>,
    now: u64,
    passed: Vec<Passed>,
    /// The longest from a request to its counting by the cache.
    delay_max: u64,
    forgiven: u64,
    raised: usize,
}

impl City {
    fn new(gates: usize, limiter: Limiter, penalty: u64) -> Self {
        let pace = limiter.pace(penalty);
        Self {
            limiter,
            pace,
            gates: vec![Gate::default(); gates],
            cache: Callers::new(pace),
            now: START,
            passed: Vec::new(),
            delay_max: 0,
            forgiven: 0,
            raised: 0,
        }
    }

    fn ask(&mut self, number: usize) {
        let gate = &mut self.gates[number];
        let Decision::Allowed { next_ms } = self.limiter.decide(gate.kept, self.now) else {
            return;
        };
        gate.kept = next_ms;
        let (count, first) = gate.noted.unwrap_or((0, self.now));
        gate.noted = Some((count + 1, first));
        gate.unanswered += 1;
        self.passed.push(Passed {
            gate: number,
            at: self.now,
            unanswered: gate.unanswered,
            forgiven: self.forgiven,
        });
    }

    /// The gate's report goes one step on: it is taken, or counted by the cache, or its answer arrives.
    fn travel(&mut self, number: usize, answers_arrive: bool) {
        let gate = &mut self.gates[number];
        match gate.report {
            None => {
                if let Some((count, first)) = gate.noted.take() {
                    gate.report = Some(UnderWay {
                        count,
                        first,
                        ahead: None,
                    });
                }
            }
            Some(UnderWay {
                count,
                first,
                ahead: None,
            }) => {
                let there = self.now + SKEW;
                let before = self
                    .cache
                    .ahead(there)
                    .next()
                    .map_or(0, |((), at)| at - there);
                let ahead = self.cache.report((), count, there);
                let exact = before + count * self.pace.interval.get();
                self.forgiven += exact - ahead;
                self.delay_max = self.delay_max.max(self.now - first);
                gate.report = Some(UnderWay {
                    count,
                    first,
                    ahead: Some(ahead),
                });
            }
            Some(UnderWay {
                first,
                ahead: Some(ahead),
                ..
            }) => {
                gate.report = None;
                if !answers_arrive {
                    return;
                }
                gate.unanswered = gate.noted.map_or(0, |(count, _)| count);
                if let Some(raised) = self.limiter.raised(gate.kept, first + ahead) {
                    gate.kept = raised;
                    self.raised += 1;
                }
            }
        }
    }

    fn run(&mut self, steps: &[Step], answers_arrive: bool) {
        for step in steps {
            self.now += step.gap;
            let number = step.gate % self.gates.len();
            if step.asks {
                self.ask(number);
            } else {
                self.travel(number, answers_arrive);
            }
        }
    }

    /// Whether every stretch of time keeps within burst, rate and the documented overshoot.
    fn keeps_its_bound(&self, burst: u64) -> Result<(), String> {
        let interval = self.pace.interval.get();
        for (first, from) in self.passed.iter().enumerate() {
            let mut unanswered = vec![0; self.gates.len()];
            for (others, to) in self.passed[first..].iter().enumerate() {
                unanswered[to.gate] = to.unanswered;
                let count = others as u64 + 1;
                let forgiven = to.forgiven - from.forgiven;
                let time = to.at - from.at + self.delay_max + forgiven;
                let bound = burst + time / interval + unanswered.iter().sum::<u64>();
                if count > bound {
                    return Err(format!("{count} > {bound}, from {from:?} to {to:?}"));
                }
            }
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy)]
struct Step {
    gap: u64,
    gate: usize,
    asks: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (
        prop_oneof![3 => 0_u64..3, 1 => 0_u64..60],
        0_usize..4,
        prop::bool::weighted(0.6),
    );
    let step = step.prop_map(|(gap, gate, asks)| Step { gap, gate, asks });
    prop::collection::vec(step, 1..250)
}

fn limiter() -> impl Strategy<Value = (Limiter, u64)> {
    (1_u64..50, 1_u64..8).prop_map(|(interval, burst)| (limit(interval, burst), burst))
}

fn limit(interval: u64, burst: u64) -> Limiter {
    Limiter::new(
        NonZeroU64::new(interval).unwrap(),
        NonZeroU64::new(burst).unwrap(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn gates_together_let_through_burst_and_rate_and_a_report_each(
        (limiter, burst) in limiter(), gates in 1_usize..5, penalty in prop_oneof![0_u64..100, Just(1_000_000)],
        steps in steps()
    ) {
        let mut city = City::new(gates, limiter, penalty);
        city.run(&steps, true);
        let kept = city.keeps_its_bound(burst);
        prop_assert!(kept.is_ok(), "{:?}", kept);
    }

    #[test]
    fn at_one_gate_reports_change_nothing((limiter, _) in limiter(), steps in steps()) {
        let (mut with, mut without) = (City::new(1, limiter, 1_000_000), City::new(1, limiter, 0));
        with.run(&steps, true);
        without.run(&steps, false);
        if with.delay_max < with.pace.interval.get() {
            prop_assert_eq!(with.raised, 0);
            let times = |city: &City| city.passed.iter().map(|passed| passed.at).collect::<Vec<_>>();
            prop_assert_eq!(times(&with), times(&without));
        }
    }

    #[test]
    fn a_gate_whose_answers_are_lost_is_as_strict_as_alone(
        (limiter, _) in limiter(), gates in 1_usize..5, steps in steps()
    ) {
        let mut city = City::new(gates, limiter, 1000);
        city.run(&steps, false);
        for number in 0..gates {
            let mut alone = City::new(1, limiter, 0);
            for step in &steps {
                alone.now += step.gap;
                if step.asks && step.gate % gates == number {
                    alone.ask(0);
                }
            }
            let here = city.passed.iter().filter(|passed| passed.gate == number);
            let here: Vec<u64> = here.map(|passed| passed.at).collect();
            let there: Vec<u64> = alone.passed.iter().map(|passed| passed.at).collect();
            prop_assert_eq!(here, there);
        }
    }

    #[test]
    fn nobody_waits_longer_than_the_penalty_allows(
        (limiter, _) in limiter(), penalty in 0_u64..100, kept in 0_u64..2_000_000, count in any::<u64>()
    ) {
        let pace = limiter.pace(penalty);
        let next = pace.advance(kept, START, count);
        prop_assert!(next <= START + pace.ahead_max);
        let Decision::Denied { retry_at_ms } = limiter.decide(next, START) else { return Ok(()); };
        prop_assert!(retry_at_ms <= START + pace.interval.get() + penalty);
    }

    #[test]
    fn requests_told_together_or_one_by_one_come_to_the_same(
        (limiter, _) in limiter(), penalty in 0_u64..100, kept in 0_u64..2_000_000, count in 0_u64..50
    ) {
        let pace = limiter.pace(penalty);
        let one_by_one = (0..count).fold(pace.advance(kept, START, 0), |kept, _| pace.advance(kept, START, 1));
        prop_assert_eq!(pace.advance(kept, START, count), one_by_one);
    }

    #[test]
    fn an_instant_is_never_lowered(
        (limiter, _) in limiter(), kept in any::<u64>(), told in any::<u64>()
    ) {
        prop_assert!(limiter.raised(kept, told).is_none_or(|raised| raised >= kept));
    }
}

/// Two gates, asked in turn, `asked` times within one interval; each reports after every request.
fn in_turn(answers_arrive: bool, asked: usize) -> City {
    let mut city = City::new(2, limit(1_000_000, 10), 10_000_000);
    for number in 0..asked {
        let gate = number % 2;
        city.ask(gate);
        for _ in 0..3 {
            city.travel(gate, answers_arrive);
        }
    }
    city
}

#[test]
fn control_without_answers_the_bound_is_broken() {
    assert_eq!(in_turn(true, 60).passed.len(), 11);
    assert_eq!(in_turn(true, 60).keeps_its_bound(10), Ok(()));
    let mut apart = in_turn(false, 60);
    assert_eq!(apart.passed.len(), 20);
    // As if every report had been answered, and the answers not been heeded.
    for passed in &mut apart.passed {
        passed.unanswered = 1;
    }
    assert!(apart.keeps_its_bound(10).is_err());
}
