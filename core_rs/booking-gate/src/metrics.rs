//! What an SRE sees of a gate, in the Prometheus text format. Names and meanings: docs/operations/metrics.md.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use booking_ledger::Meters as LedgerMeters;
use booking_redis::reply::Verdict;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

type Labels = Vec<(&'static str, String)>;

/// Routes and outcome words are few: their counters are made beforehand and then only counted up.
const ROUTES: [&str; 9] = [
    "hold",
    "hold_status",
    "room_place",
    "room_events",
    "availability",
    "alive",
    "hidden",
    "nowhere",
    "passed",
];
const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];
/// Why the application did not answer a request that was passed on: it could not be reached or broke off, it took too
/// long, or the request could not be passed on.
const UPSTREAM_FAILURES: [&str; 3] = ["away", "timeout", "bad_request"];
/// Why requests are turned away.
const SHED: [&str; 9] = [
    "connections_full",
    "cache_full",
    "ledger_full",
    "ledger_slow",
    "lookups_full",
    "upstream_full",
    "uploads_full",
    "answers_full",
    "streams_full",
];
/// Requests or holds that share a call.
const BATCH_SIZES: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// Seconds from tens of microseconds to ten seconds.
const STAGE_SECONDS: [f64; 14] = [
    0.000_02, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5,
    2.0, 10.0,
];

/// Where a hold spends its time.
pub struct Stages {
    /// Until everything about the request itself is known.
    pub parse: Histogram,
    /// Refused by what is known here.
    pub local: Histogram,
    /// At the cache.
    pub admit: Histogram,
    /// Queued for and at the ledger.
    pub ledger: Histogram,
    /// From the head to the answer.
    pub total: Histogram,
}

/// The cache's answers to tries, by kind. Codes of refusals are counted where they are told.
#[derive(Clone)]
pub struct CacheAnswers {
    granted: Counter,
    refused: Counter,
    rebuild: Counter,
    unavailable: Counter,
    /// 1 when it answered the last time it was asked.
    up: Gauge<f64, AtomicU64>,
}

impl CacheAnswers {
    /// One more.
    pub fn count(&self, verdict: &Verdict) {
        let counter = match verdict {
            Verdict::Granted => &self.granted,
            Verdict::Refused(_) => &self.refused,
            Verdict::Rebuild => &self.rebuild,
            Verdict::Unavailable => &self.unavailable,
        };
        counter.inc();
        let away = matches!(verdict, Verdict::Unavailable);
        self.up.set(if away { 0.0 } else { 1.0 });
    }
}

/// All of it.
pub struct Metrics {
    registry: Registry,
    requests: HashMap<(&'static str, &'static str), Counter>,
    refusals: Family<Labels, Counter>,
    /// Counters of the refusals that were told, found without making labels.
    told: RwLock<HashMap<String, Counter>>,
    shed: Family<Labels, Counter>,
    upstream_failures: HashMap<&'static str, Counter>,
    settled: Counter,
    unsettled: Counter,
    /// Stage latencies of holds.
    pub stages: Stages,
    /// Time until the application began its answer.
    pub upstream: Histogram,
    /// Holds taken to the ledger at once.
    pub batch_size: Histogram,
    /// Batches at the ledger.
    pub ledger: LedgerMeters,
    /// Tries per call of the cache.
    pub cache_batch_size: Histogram,
    /// What the cache said to tries.
    pub cache_answers: CacheAnswers,
    /// Open connections.
    pub connections: Gauge,
    /// Requests waiting for the cache.
    pub admit_depth: Gauge,
    /// Holds waiting for the ledger.
    pub ledger_depth: Gauge,
    /// Lookups waiting.
    pub lookup_depth: Gauge,
    /// Requests at the application.
    pub upstream_depth: Gauge,
    /// Large bodies on their way to it.
    pub uploads_depth: Gauge,
    /// Answers of the application that are waited for or passed on.
    pub answers_depth: Gauge,
    /// Holds at the ledger without the cache's leave.
    pub slow_path_depth: Gauge,
    /// Those who listen in waiting rooms.
    pub streams: Gauge,
    /// 1 while the gate lets those finish who have begun.
    pub draining: Gauge,
    snapshot_age: Gauge<f64, AtomicU64>,
    /// What became of notes for the other gates.
    pub limits: LimitCounters,
}

/// Of limits that hold across gates.
#[derive(Clone)]
pub struct LimitCounters {
    /// Noted requests that the cache has counted.
    pub told: Counter,
    /// Noted requests of which nobody knows whether the cache has counted them.
    pub lost: Counter,
    /// Requests that there was no room to note.
    pub missed: Counter,
    /// Callers who wait longer here because of requests elsewhere.
    pub raised: Counter,
}

impl LimitCounters {
    fn register(registry: &mut Registry) -> Self {
        let reports = Family::<Labels, Counter>::default();
        registry.register(
            "limit_reports",
            "Requests let through, by whether the other gates were told",
            reports.clone(),
        );
        let report = |outcome: &str| {
            let labels = vec![("outcome", outcome.to_owned())];
            reports.get_or_create(&labels).clone()
        };
        let raised = Counter::default();
        registry.register(
            "limit_raised",
            "Callers limited because of requests at other gates",
            raised.clone(),
        );
        Self {
            told: report("told"),
            lost: report("lost"),
            missed: report("missed"),
            raised,
        }
    }
}

fn counters(registry: &mut Registry, name: &str, help: &str) -> Family<Labels, Counter> {
    let family = Family::default();
    registry.register(name, help, family.clone());
    family
}

/// One counter for each word, so that all are there from the start.
fn counter_of<'a>(
    family: &'a Family<Labels, Counter>,
    label: &'static str,
) -> impl Fn(&str) -> Counter + 'a {
    move |word| {
        family
            .get_or_create(&vec![(label, word.to_owned())])
            .clone()
    }
}

fn histogram(registry: &mut Registry, name: &str, help: &str, buckets: &[f64]) -> Histogram {
    let histogram = Histogram::new(buckets.iter().copied());
    registry.register(name, help, histogram.clone());
    histogram
}

fn gauge(registry: &mut Registry, name: &str, help: &str) -> Gauge {
    let gauge = Gauge::default();
    registry.register(name, help, gauge.clone());
    gauge
}

fn requests(registry: &mut Registry) -> HashMap<(&'static str, &'static str), Counter> {
    let family = counters(
        registry,
        "requests",
        "Requests by route and class of answer",
    );
    let mut requests = HashMap::new();
    for route in ROUTES {
        for class in CLASSES {
            let labels = vec![("route", route.to_owned()), ("outcome", class.to_owned())];
            requests.insert((route, class), family.get_or_create(&labels).clone());
        }
    }
    requests
}

fn stages(registry: &mut Registry) -> Stages {
    let family = Family::<Labels, Histogram, fn() -> Histogram>::new_with_constructor(|| {
        Histogram::new(STAGE_SECONDS)
    });
    registry.register(
        "stage_seconds",
        "Latency of a hold's stages",
        family.clone(),
    );
    let stage = |word: &str| {
        family
            .get_or_create(&vec![("stage", word.to_owned())])
            .clone()
    };
    Stages {
        parse: stage("parse"),
        local: stage("local"),
        admit: stage("admit"),
        ledger: stage("ledger"),
        total: stage("total"),
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut all = Registry::with_prefix("humiao");
        let ledger = LedgerMeters::register(all.sub_registry_with_prefix("ledger"));
        let registry = all.sub_registry_with_prefix("gate");
        let failures = counters(
            registry,
            "upstream_failures",
            "Requests that were passed on and not answered",
        );
        let shed = counters(
            registry,
            "shed",
            "Requests turned away to keep the others quick",
        );
        for reason in SHED {
            drop(counter_of(&shed, "reason")(reason));
        }
        let answers = counters(registry, "cache_answers", "What the cache said to tries");
        let said = counter_of(&answers, "outcome");
        let settlements = counters(
            registry,
            "settlements",
            "Settlements, by whether the cache took them",
        );
        let up = Gauge::<f64, AtomicU64>::default();
        up.set(f64::NAN);
        registry.register(
            "cache_up",
            "1 when the cache answered the last try",
            up.clone(),
        );
        let depths = Family::<Labels, Gauge>::default();
        registry.register("queue_depth", "Requests waiting", depths.clone());
        let depth = |queue: &str| {
            depths
                .get_or_create(&vec![("queue", queue.to_owned())])
                .clone()
        };
        let snapshot_age = Gauge::<f64, AtomicU64>::default();
        registry.register(
            "snapshot_age_seconds",
            "Age of the oldest snapshot in use",
            snapshot_age.clone(),
        );
        let limits = LimitCounters::register(registry);
        Self {
            requests: requests(registry),
            refusals: counters(registry, "refusals", "Refusals by code"),
            told: RwLock::default(),
            shed,
            upstream_failures: UPSTREAM_FAILURES
                .map(|reason| (reason, counter_of(&failures, "reason")(reason)))
                .into(),
            stages: stages(registry),
            upstream: histogram(
                registry,
                "upstream_seconds",
                "Until the application began its answer",
                &STAGE_SECONDS,
            ),
            batch_size: histogram(
                registry,
                "batch_size",
                "Holds taken to the ledger at once",
                &BATCH_SIZES,
            ),
            cache_batch_size: histogram(
                registry,
                "cache_batch_size",
                "Tries in one call of the cache",
                &BATCH_SIZES,
            ),
            settled: counter_of(&settlements, "outcome")("done"),
            unsettled: counter_of(&settlements, "outcome")("away"),
            cache_answers: CacheAnswers {
                granted: said("granted"),
                refused: said("refused"),
                rebuild: said("rebuild"),
                unavailable: said("unavailable"),
                up,
            },
            connections: gauge(registry, "connections", "Open connections"),
            admit_depth: depth("admit"),
            ledger_depth: depth("ledger"),
            lookup_depth: depth("lookup"),
            upstream_depth: depth("upstream"),
            uploads_depth: depth("uploads"),
            answers_depth: depth("answers"),
            slow_path_depth: depth("slow_path"),
            streams: gauge(registry, "room_streams", "Open streams of waiting rooms"),
            draining: gauge(registry, "draining", "1 while those finish who have begun"),
            snapshot_age,
            limits,
            ledger,
            registry: all,
        }
    }
}

impl Metrics {
    /// A request of a route was answered with a status.
    pub fn answered(&self, route: &'static str, status: u16) {
        let class = match status {
            200..=299 => "2xx",
            400..=499 => "4xx",
            500..=599 => "5xx",
            _ => "3xx",
        };
        if let Some(counter) = self.requests.get(&(route, class)) {
            counter.inc();
        }
    }

    /// A refusal was told.
    pub fn refused(&self, code: &str) {
        {
            let told = self.told.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(counter) = told.get(code) {
                counter.inc();
                return;
            }
        }
        let labels = vec![("code", code.to_owned())];
        let counter = self.refusals.get_or_create(&labels).clone();
        counter.inc();
        let mut told = self.told.write().unwrap_or_else(PoisonError::into_inner);
        told.insert(code.to_owned(), counter);
    }

    /// A request was turned away.
    pub fn shed(&self, reason: &str) {
        self.shed
            .get_or_create(&vec![("reason", reason.to_owned())])
            .inc();
    }

    /// The application did not answer; `reason` is one of those that are counted.
    pub fn upstream_failed(&self, reason: &str) {
        if let Some(counter) = self.upstream_failures.get(reason) {
            counter.inc();
        }
    }

    /// The cache took a settlement, or was away.
    pub fn settled(&self, taken: bool) {
        let counter = if taken {
            &self.settled
        } else {
            &self.unsettled
        };
        counter.inc();
    }

    /// The text for Prometheus (`OpenMetrics`).
    pub fn text(&self, snapshot_age: Duration) -> String {
        self.snapshot_age.set(snapshot_age.as_secs_f64());
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
