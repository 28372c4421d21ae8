//! Takes the functions' answers apart.

use std::collections::BTreeMap;

use booking_core::outcome::Refusal;
use booking_core::time::Instant;
use redis::{FromRedisValue, Value};

use crate::call::{QuotaState, SessionState, Status, StockState, WindowState};
use crate::error::CacheError;
use crate::keys::{self, Counter};

/// The answer to one request to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The permit is held: try at the ledger.
    Granted,
    /// Do not try.
    Refused(Refusal),
    /// The session is not loaded.
    Rebuild,
    /// The cache is away: nothing is known, and the permit may or may not be held until it runs out.
    Unavailable,
}

/// Refusals that `admit_runs` answers with a word alone.
const REFUSALS: [Refusal; 10] = [
    Refusal::SessionClosed,
    Refusal::UnknownWindow,
    Refusal::WrongChannel,
    Refusal::NoSuchStock,
    Refusal::BookingEnded,
    Refusal::InFlight,
    Refusal::WindowFull,
    Refusal::ChannelFull,
    Refusal::OutOfStock,
    Refusal::VialNotOpened,
];

impl Verdict {
    /// The stable outcome word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Refused(refusal) => refusal.code(),
            Self::Rebuild => "rebuild",
            Self::Unavailable => "unavailable",
        }
    }

    /// When to come back (ms since 1970), where the refusal knows.
    pub fn retry_at_ms(&self) -> Option<i64> {
        match self {
            Self::Refused(refusal) => refusal.retry_at().map(|Instant(ms)| ms),
            _ => None,
        }
    }

    fn from_value(value: &Value) -> Result<Self, CacheError> {
        match value {
            Value::BulkString(word) if word == b"granted" => Ok(Self::Granted),
            Value::BulkString(word) if word == b"rebuild" => Ok(Self::Rebuild),
            Value::BulkString(word) => REFUSALS
                .iter()
                .find(|known| known.code().as_bytes() == word.as_slice())
                .map(|known| Self::Refused(*known))
                .ok_or_else(|| unexpected(value)),
            Value::Array(parts) => match parts.as_slice() {
                [Value::BulkString(word), from_ms] if word == b"not_yet_bookable" => {
                    i64::from_redis_value_ref(from_ms)
                        .map(|ms| Self::Refused(Refusal::NotYetBookable { from: Instant(ms) }))
                        .map_err(|_| unexpected(value))
                }
                _ => Err(unexpected(value)),
            },
            _ => Err(unexpected(value)),
        }
    }
}

/// What `read` says of one clinic session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRead {
    /// The state as it would be loaded.
    pub state: SessionState,
    /// Live permits of every counter.
    pub live: BTreeMap<Counter, u32>,
    /// Permit ids with their expiry (ms since 1970), earliest first.
    pub permits: Vec<(String, i64)>,
}

/// Answers of `admit_runs`.
///
/// # Errors
/// [`CacheError::UnexpectedReply`] when there are not `count` known answers.
pub fn verdicts(value: &Value, count: usize) -> Result<Vec<Verdict>, CacheError> {
    match value {
        Value::Array(answers) if answers.len() == count => {
            answers.iter().map(Verdict::from_value).collect()
        }
        other => Err(unexpected(other)),
    }
}

/// Answers of `settle_many`: for each session, whether it must be rebuilt.
///
/// # Errors
/// [`CacheError::UnexpectedReply`] when there are not `count` known answers.
pub fn rebuilds(value: &Value, count: usize) -> Result<Vec<bool>, CacheError> {
    let words: Vec<String> = strings(value)?;
    if words.len() != count {
        return Err(unexpected(value));
    }
    words
        .iter()
        .map(|word| match word.as_str() {
            "settled" => Ok(false),
            "rebuild" => Ok(true),
            _ => Err(unexpected(value)),
        })
        .collect()
}

/// Answers of `throttle_many`: how far each caller's instant lies ahead (microseconds).
///
/// # Errors
/// [`CacheError::UnexpectedReply`] when there are not `count` distances.
pub fn aheads(value: &Value, count: usize) -> Result<Vec<u64>, CacheError> {
    Vec::<u64>::from_redis_value_ref(value)
        .ok()
        .filter(|aheads| aheads.len() == count)
        .ok_or_else(|| unexpected(value))
}

/// Answer of `load`: false when the stored generation was not older.
///
/// # Errors
/// [`CacheError::UnexpectedReply`] for any other word.
pub fn loaded(value: &Value) -> Result<bool, CacheError> {
    match text(value)?.as_str() {
        "loaded" => Ok(true),
        "stale_generation" => Ok(false),
        _ => Err(unexpected(value)),
    }
}

/// Answer of `version` and other plain text.
///
/// # Errors
/// [`CacheError::UnexpectedReply`] when it is not text.
pub fn text(value: &Value) -> Result<String, CacheError> {
    String::from_redis_value_ref(value).map_err(|_| unexpected(value))
}

/// Answer of `read`; none when the session is not loaded.
///
/// # Errors
/// [`CacheError::UnexpectedReply`] when the state is not one that `load` writes.
pub fn session(session_id: i64, value: &Value) -> Result<Option<SessionRead>, CacheError> {
    let (fields, scores) = match value {
        Value::Nil => return Ok(None),
        Value::Array(parts) => match parts.as_slice() {
            [fields, scores] => (strings(fields)?, strings(scores)?),
            _ => return Err(unexpected(value)),
        },
        _ => return Err(unexpected(value)),
    };
    let bad = || unexpected(value);
    let mut read = SessionRead::empty(session_id);
    for pair in fields.chunks_exact(2) {
        let (field, packed) = (pair[0].as_str(), pair[1].as_str());
        match field {
            keys::GENERATION => read.state.generation = packed.parse().map_err(|_| bad())?,
            keys::STATUS => read.state.status = Status::parse(packed).ok_or_else(bad)?,
            keys::ABOUT => {}
            permit if keys::permit_id(permit).is_some() => {}
            counter => read
                .take_counter(Counter::parse(counter)?, packed)
                .ok_or_else(bad)?,
        }
    }
    read.state.windows.sort();
    read.state.quotas.sort();
    read.state.stocks.sort();
    for pair in scores.chunks_exact(2) {
        let permit = keys::permit_id(&pair[0]).ok_or_else(bad)?.to_owned();
        read.permits
            .push((permit, pair[1].parse().map_err(|_| bad())?));
    }
    Ok(Some(read))
}

/// Answer of `look` at counters of a state of this generation; none when it is not loaded, is another now, or lacks one.
///
/// # Errors
/// [`CacheError::UnexpectedReply`] when the values are not ones that `load` writes.
pub fn looked(
    session_id: i64,
    generation: u64,
    counters: &[Counter],
    value: &Value,
) -> Result<Option<SessionState>, CacheError> {
    let bad = || unexpected(value);
    let values = Vec::<Option<String>>::from_redis_value_ref(value).map_err(|_| bad())?;
    let [Some(stored), Some(status), packed @ ..] = values.as_slice() else {
        return Ok(None);
    };
    if stored.parse() != Ok(generation) {
        return Ok(None);
    }
    if packed.len() != counters.len() {
        return Err(bad());
    }
    let mut read = SessionRead::empty(session_id);
    read.state.generation = generation;
    read.state.status = Status::parse(status).ok_or_else(bad)?;
    for (counter, packed) in counters.iter().zip(packed) {
        let Some(packed) = packed else {
            return Ok(None);
        };
        read.take_counter(counter.clone(), packed).ok_or_else(bad)?;
    }
    Ok(Some(read.state))
}

impl SessionRead {
    /// Of a session of which nothing has been read yet.
    const fn empty(session_id: i64) -> Self {
        Self {
            state: SessionState {
                session_id,
                generation: 0,
                status: Status::Closed,
                windows: Vec::new(),
                quotas: Vec::new(),
                stocks: Vec::new(),
            },
            live: BTreeMap::new(),
            permits: Vec::new(),
        }
    }

    /// Takes one packed counter (see `lua/shared/counter.lua`); none when it is not one.
    fn take_counter(&mut self, counter: Counter, packed: &str) -> Option<()> {
        let mut parts = packed.split(':');
        let live = parts.next()?.parse().ok()?;
        let free = parts.next()?.parse().ok()?;
        let version = parts.next()?.parse().ok()?;
        let (x, y) = (parts.next()?, parts.next()?);
        match &counter {
            Counter::Window { window_id } => self.state.windows.push(WindowState {
                window_id: *window_id,
                version,
                free,
                until_ms: x.parse().ok()?,
            }),
            Counter::Quota { window_id, channel } => self.state.quotas.push(QuotaState {
                window_id: *window_id,
                channel: channel.clone(),
                version,
                free,
                from_ms: x.parse().ok()?,
            }),
            Counter::Stock { stock_id } => self.state.stocks.push(StockState {
                stock_id: *stock_id,
                version,
                free,
                vial_size: x.parse().ok()?,
                seal_ms: if y.is_empty() {
                    None
                } else {
                    Some(y.parse().ok()?)
                },
            }),
        }
        self.live.insert(counter, live);
        Some(())
    }
}

fn strings(value: &Value) -> Result<Vec<String>, CacheError> {
    Vec::<String>::from_redis_value_ref(value).map_err(|_| unexpected(value))
}

pub(crate) fn unexpected(value: &Value) -> CacheError {
    CacheError::UnexpectedReply(format!("{value:?}").chars().take(200).collect())
}
