//! Lays out keys and arguments of every function, as the headers in `lua/functions/` say.

use std::collections::HashMap;
use std::hash::Hash;

use booking_core::throttle::Pace;
use redis::Cmd;

use crate::keys::{self, CallerKind, CallerName, Counter};
use crate::library::function;

/// One person's wish to try for one dose in one window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Clinic session.
    pub session_id: i64,
    /// Window of that session.
    pub window_id: i64,
    /// Channel code; one that the window has no quota for is refused, not an error.
    pub channel: String,
    /// Stock of one product in that session.
    pub stock_id: i64,
    /// Opaque id of the permit to be given; equal for two tries that must not run at once.
    pub permit: String,
}

impl Request {
    /// Whether both want the same window, quota and stock of one session.
    fn wants_the_place_of(&self, other: &Self) -> bool {
        self.window_id == other.window_id
            && self.stock_id == other.stock_id
            && self.channel == other.channel
    }
}

/// A counter as the ledger left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CounterNews {
    /// Which counter.
    pub counter: Counter,
    /// Rises with every change in the ledger.
    pub version: u64,
    /// Places or doses left.
    pub free: u32,
}

/// What a committed batch says about one clinic session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// Clinic session.
    pub session_id: i64,
    /// Permit ids that have ended, whatever became of them.
    pub permits: Vec<String>,
    /// Counters that changed.
    pub news: Vec<CounterNews>,
}

/// Whether a clinic session takes bookings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Published: takes bookings.
    Open,
    /// Takes none.
    Closed,
}

impl Status {
    /// The word in the state hash.
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }

    /// Reads the word, if it is one.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "open" => Some(Self::Open),
            "closed" => Some(Self::Closed),
            _ => None,
        }
    }
}

/// Places of one window.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WindowState {
    /// The window.
    pub window_id: i64,
    /// Rises with every change in the ledger.
    pub version: u64,
    /// Places left.
    pub free: u32,
    /// From this instant (ms since 1970) nobody may book any more.
    pub until_ms: i64,
}

/// A channel's share of one window.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct QuotaState {
    /// The window.
    pub window_id: i64,
    /// The channel's code.
    pub channel: String,
    /// Rises with every change in the ledger.
    pub version: u64,
    /// Places left.
    pub free: u32,
    /// From this instant (ms since 1970) the channel may book.
    pub from_ms: i64,
}

/// Doses of one product.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StockState {
    /// The stock.
    pub stock_id: i64,
    /// Rises with every change in the ledger.
    pub version: u64,
    /// Doses left, in opened and unopened vials.
    pub free: u32,
    /// Doses of one vial, at least 1.
    pub vial_size: u32,
    /// From this instant (ms since 1970) no further vial is begun.
    pub seal_ms: Option<i64>,
}

/// Everything that the cache knows of one clinic session, without its permits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionState {
    /// Clinic session.
    pub session_id: i64,
    /// Only a higher generation replaces a loaded state.
    pub generation: u64,
    /// Whether it takes bookings.
    pub status: Status,
    /// Its windows.
    pub windows: Vec<WindowState>,
    /// The channels' shares.
    pub quotas: Vec<QuotaState>,
    /// Its products.
    pub stocks: Vec<StockState>,
}

/// Requests of one clinic session, by their position in the batch.
pub(crate) type Group = (i64, Vec<usize>);

/// Gathers requests by clinic session, in the order of first appearance; inside a session order is kept.
pub(crate) fn by_session(requests: &[Request]) -> Vec<Group> {
    gathered(requests, |request| request.session_id)
}

/// Positions by what they share, in the order of first appearance.
fn gathered<T, K: Copy + Eq + Hash>(items: &[T], key: impl Fn(&T) -> K) -> Vec<(K, Vec<usize>)> {
    let mut groups: Vec<(K, Vec<usize>)> = Vec::new();
    let mut places = HashMap::new();
    for (position, item) in items.iter().enumerate() {
        let key = key(item);
        let place = *places.entry(key).or_insert_with(|| {
            groups.push((key, Vec::new()));
            groups.len() - 1
        });
        groups[place].1.push(position);
    }
    groups
}

/// `admit_runs` for the given groups; answers come in the order of the groups' positions.
pub(crate) fn admit_groups(requests: &[Request], groups: &[Group], permit_ttl_ms: u32) -> Cmd {
    let count: usize = groups.iter().map(|(_, positions)| positions.len()).sum();
    let mut cmd = Cmd::with_capacity(
        4 + groups.len() * 3 + count * 5,
        64 + groups.len() * 64 + count * 96,
    );
    open(
        &mut cmd,
        "FCALL",
        function::ADMIT_RUNS,
        groups.iter().map(|(session_id, _)| *session_id),
    );
    cmd.arg(permit_ttl_ms);
    for (_, positions) in groups {
        let runs: Vec<&[usize]> = positions
            .chunk_by(|one, next| requests[*one].wants_the_place_of(&requests[*next]))
            .collect();
        cmd.arg(runs.len());
        for run in &runs {
            cmd.arg(run.len());
        }
        for run in runs {
            let place = &requests[run[0]];
            cmd.arg(keys::window(place.window_id))
                .arg(keys::quota(place.window_id, &place.channel))
                .arg(keys::stock(place.stock_id));
            for position in run {
                cmd.arg(keys::permit(&requests[*position].permit));
            }
        }
    }
    cmd
}

/// `admit_runs`; answers come in the order of the requests gathered by session.
pub fn admit_runs(requests: &[Request], permit_ttl_ms: u32) -> Cmd {
    admit_groups(requests, &by_session(requests), permit_ttl_ms)
}

/// `settle_many`; one answer for each settlement.
pub fn settle_many(settlements: &[Settlement]) -> Cmd {
    let mut cmd = Cmd::new();
    open(
        &mut cmd,
        "FCALL",
        function::SETTLE_MANY,
        settlements.iter().map(|settlement| settlement.session_id),
    );
    for settlement in settlements {
        cmd.arg(settlement.permits.len()).arg(settlement.news.len());
        for permit in &settlement.permits {
            cmd.arg(keys::permit(permit));
        }
        for news in &settlement.news {
            cmd.arg(news.counter.field())
                .arg(news.version)
                .arg(news.free);
        }
    }
    cmd
}

/// `release_many`: per clinic session, permit ids.
pub fn release_many(sessions: &[(i64, Vec<String>)]) -> Cmd {
    let mut cmd = Cmd::new();
    open(
        &mut cmd,
        "FCALL",
        function::RELEASE_MANY,
        sessions.iter().map(|(session_id, _)| *session_id),
    );
    for (_, permits) in sessions {
        cmd.arg(permits.len());
        for permit in permits {
            cmd.arg(keys::permit(permit));
        }
    }
    cmd
}

/// `load`: one clinic session.
pub fn load(state: &SessionState) -> Cmd {
    let mut cmd = Cmd::new();
    open(
        &mut cmd,
        "FCALL",
        function::LOAD,
        [state.session_id].into_iter(),
    );
    cmd.arg(state.generation)
        .arg(state.status.word())
        .arg(state.windows.len() + state.quotas.len() + state.stocks.len());
    for window in &state.windows {
        counter(
            &mut cmd,
            &keys::window(window.window_id),
            window.version,
            window.free,
        );
        cmd.arg(window.until_ms.max(0)).arg("");
    }
    for quota in &state.quotas {
        counter(
            &mut cmd,
            &keys::quota(quota.window_id, &quota.channel),
            quota.version,
            quota.free,
        );
        cmd.arg(quota.from_ms.max(0)).arg("");
    }
    for stock in &state.stocks {
        counter(
            &mut cmd,
            &keys::stock(stock.stock_id),
            stock.version,
            stock.free,
        );
        cmd.arg(stock.vial_size);
        match stock.seal_ms {
            Some(seal_ms) => cmd.arg(seal_ms.max(0)),
            None => cmd.arg(""),
        };
    }
    cmd
}

/// `read`: one clinic session.
pub fn read(session_id: i64) -> Cmd {
    let mut cmd = Cmd::new();
    open(
        &mut cmd,
        "FCALL_RO",
        function::READ,
        [session_id].into_iter(),
    );
    cmd
}

/// The generation, the status and some counters of one clinic session, in this order. A plain command: nothing is decided
/// and nothing written, and a function would cost the server more than the look.
pub fn look(session_id: i64, counters: &[Counter]) -> Cmd {
    let mut cmd = Cmd::with_capacity(4 + counters.len(), 64 + counters.len() * 24);
    cmd.arg("HMGET")
        .arg(keys::state(session_id))
        .arg(keys::GENERATION)
        .arg(keys::STATUS);
    for counter in counters {
        cmd.arg(counter.field());
    }
    cmd
}

/// A caller whom a gate let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LetThrough {
    /// What it is.
    pub kind: CallerKind,
    /// Its name.
    pub name: CallerName,
    /// So many requests.
    pub requests: u32,
}

/// Bucket of a kind, and positions of its callers.
pub(crate) type Bucket = ((CallerKind, u8), Vec<usize>);

/// Gathers callers by bucket, in the order of first appearance; inside a bucket order is kept.
pub(crate) fn by_bucket(callers: &[LetThrough]) -> Vec<Bucket> {
    gathered(callers, |caller| (caller.kind, keys::bucket(&caller.name)))
}

/// `throttle_many` for the given buckets (intervals and bounds in microseconds, below 2^52); answers come in the order of
/// the buckets' positions.
pub(crate) fn throttle_buckets(
    callers: &[LetThrough],
    buckets: &[Bucket],
    pace: impl Fn(CallerKind) -> Pace,
) -> Cmd {
    let count: usize = buckets.iter().map(|(_, positions)| positions.len()).sum();
    let mut cmd = Cmd::with_capacity(
        3 + buckets.len() * 4 + count * 2,
        64 + buckets.len() * 64 + count * 20,
    );
    cmd.arg("FCALL")
        .arg(function::THROTTLE_MANY)
        .arg(buckets.len());
    for ((kind, bucket), _) in buckets {
        cmd.arg(keys::callers(*kind, *bucket));
    }
    for ((kind, _), positions) in buckets {
        let pace = pace(*kind);
        cmd.arg(pace.interval.get())
            .arg(pace.ahead_max)
            .arg(positions.len());
        for position in positions {
            let caller = &callers[*position];
            cmd.arg(caller.name.as_slice()).arg(caller.requests);
        }
    }
    cmd
}

/// `throttle_many`; answers come in the order of the callers gathered by bucket.
pub fn throttle_many(callers: &[LetThrough], pace: impl Fn(CallerKind) -> Pace) -> Cmd {
    throttle_buckets(callers, &by_bucket(callers), pace)
}

/// `forget`: clinic sessions that have ended.
pub fn forget(session_ids: &[i64]) -> Cmd {
    let mut cmd = Cmd::new();
    open(
        &mut cmd,
        "FCALL",
        function::FORGET,
        session_ids.iter().copied(),
    );
    cmd
}

/// `version`: asks one node.
pub fn version() -> Cmd {
    let mut cmd = Cmd::new();
    // Not FCALL_RO: some other library's function of this name might not be marked as reading, and then would be an error.
    open(&mut cmd, "FCALL", function::VERSION, std::iter::empty());
    cmd
}

fn open(
    cmd: &mut Cmd,
    verb: &str,
    function: &str,
    session_ids: impl ExactSizeIterator<Item = i64>,
) {
    cmd.arg(verb).arg(function).arg(session_ids.len() * 2);
    for session_id in session_ids {
        cmd.arg(keys::state(session_id))
            .arg(keys::permits(session_id));
    }
}

fn counter(cmd: &mut Cmd, field: &str, version: u64, free: u32) {
    cmd.arg(field).arg(version).arg(free);
}

#[cfg(test)]
mod tests {
    use redis::{Arg, Cmd};

    use super::{Request, admit_runs};

    fn request(session_id: i64, window_id: i64, stock_id: i64, permit: &str) -> Request {
        Request {
            session_id,
            window_id,
            channel: "h5".to_owned(),
            stock_id,
            permit: permit.to_owned(),
        }
    }

    fn words(cmd: &Cmd) -> String {
        let words: Vec<String> = cmd
            .args_iter()
            .map(|arg| match arg {
                Arg::Simple(text) => String::from_utf8_lossy(text).into_owned(),
                _ => "?".to_owned(),
            })
            .collect();
        words.join(" ")
    }

    #[test]
    fn requests_in_a_row_for_one_place_are_one_run_and_none_changes_its_turn() {
        let requests = [
            request(1, 10, 5, "a"),
            request(2, 20, 6, "b"),
            request(1, 10, 5, "c"),
            request(1, 10, 4, "d"),
            request(1, 10, 5, "e"),
        ];
        let expected = concat!(
            "FCALL humiao_admit_runs 4 hm:{1}:state hm:{1}:permits hm:{2}:state hm:{2}:permits 900",
            " 3 2 1 1 w:10 q:10:h5 v:5 p:a p:c w:10 q:10:h5 v:4 p:d w:10 q:10:h5 v:5 p:e",
            " 1 1 w:20 q:20:h5 v:6 p:b",
        );
        assert_eq!(words(&admit_runs(&requests, 900)), expected);
    }
}
