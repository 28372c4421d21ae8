//! Ranks of those who wait: a copy of the ledger's order that is asked often and decides nothing.
//!
//! A copy is replaced by generation, as a session's counters are: [`Client::begin_waitlist`] before the ledger is read,
//! [`Client::import_waitlist`] part by part, [`Client::publish_waitlist`] at the end. Changes are told at any time with
//! [`Client::change_waitlist`]; they and the parts of an import may overtake each other, for an entry joins once and
//! leaves once. Until a first copy is published a rank is unknown, never zero.

use booking_core::waitlist::Standing;
use redis::{Cmd, FromRedisValue, Value};

use crate::client::Client;
use crate::error::CacheError;
use crate::keys;
use crate::library::function;
use crate::reply::{text, unexpected};

/// Entries of one call: what the server does in a millisecond or two, so that others need not wait.
const ENTRIES_PER_CALL: usize = 1000;
/// Calls of one import that are under way at once: enough to keep the server busy, few enough to be answered in time.
const CALLS_AT_ONCE: usize = 4;

/// An entry that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Opaque number of the entry.
    pub id: i64,
    /// Its place.
    pub standing: Standing,
}

/// The place of an entry among all that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ranked {
    /// How many wait before it.
    pub ahead: u64,
    /// How many of those are in earlier tiers.
    pub ahead_in_earlier_tiers: u64,
    /// Its place, as it was told.
    pub standing: Standing,
    /// The entry just before it.
    pub previous: Option<i64>,
    /// The entry just after it.
    pub next: Option<i64>,
}

/// Answers to one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranks {
    /// How many wait in all.
    pub waiting: u64,
    /// The entries in the order they were asked; none for one that does not wait.
    pub entries: Vec<Option<Ranked>>,
}

/// What became of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// Done.
    Done,
    /// A newer copy is there or under way: let it be.
    Stale,
    /// The server has lost a part: begin anew with another generation.
    Incomplete,
}

impl Imported {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Stale => "stale",
            Self::Incomplete => "incomplete",
        }
    }
}

impl Client {
    /// A waitlist is about to be copied from the ledger; false when a copy of this or a newer generation is there.
    ///
    /// # Errors
    /// [`CacheError`] when the server did not answer.
    pub async fn begin_waitlist(&self, list_id: i64, generation: u64) -> Result<bool, CacheError> {
        let mut cmd = open("FCALL", function::LIST_BEGIN, list_id);
        cmd.arg(generation);
        Ok(imported(&self.one(cmd).await?)? == Imported::Done)
    }

    /// A part of a waitlist as the ledger has it.
    ///
    /// # Errors
    /// [`CacheError`] when a call failed, or an entry's standing has no score; the import cannot be published then.
    pub async fn import_waitlist(
        &self,
        list_id: i64,
        generation: u64,
        entries: &[Entry],
    ) -> Result<Imported, CacheError> {
        let cmds = entries
            .chunks(ENTRIES_PER_CALL)
            .map(|part| {
                let mut cmd = open("FCALL", function::LIST_IMPORT, list_id);
                cmd.arg(generation);
                scored(&mut cmd, part)?;
                Ok(cmd)
            })
            .collect::<Result<_, CacheError>>()?;
        for value in self.in_waves(cmds, CALLS_AT_ONCE).await? {
            if imported(&value)? == Imported::Stale {
                return Ok(Imported::Stale);
            }
        }
        Ok(Imported::Done)
    }

    /// All parts have been imported: `count` entries. From now on they are shown.
    ///
    /// # Errors
    /// [`CacheError`] when the server did not answer.
    pub async fn publish_waitlist(
        &self,
        list_id: i64,
        generation: u64,
        count: u64,
    ) -> Result<Imported, CacheError> {
        let mut cmd = open("FCALL", function::LIST_PUBLISH, list_id);
        cmd.arg(generation).arg(count);
        imported(&self.one(cmd).await?)
    }

    /// Entries have joined or left in the ledger; false when the list must be copied anew.
    ///
    /// # Errors
    /// [`CacheError`] when a call failed, or a standing has no score. Telling again does no harm.
    pub async fn change_waitlist(
        &self,
        list_id: i64,
        joined: &[Entry],
        left: &[i64],
    ) -> Result<bool, CacheError> {
        let mut cmds = Vec::new();
        for part in joined.chunks(ENTRIES_PER_CALL) {
            let mut cmd = open("FCALL", function::LIST_CHANGE, list_id);
            cmd.arg(part.len());
            scored(&mut cmd, part)?;
            cmds.push(cmd);
        }
        for part in left.chunks(ENTRIES_PER_CALL) {
            let mut cmd = open("FCALL", function::LIST_CHANGE, list_id);
            cmd.arg(0).arg(part);
            cmds.push(cmd);
        }
        let mut whole = true;
        for value in self.in_waves(cmds, CALLS_AT_ONCE).await? {
            match text(&value)?.as_str() {
                "changed" => {}
                "rebuild" => whole = false,
                _ => return Err(unexpected(&value)),
            }
        }
        Ok(whole)
    }

    /// Where entries stand; none when the list must be copied first.
    ///
    /// # Errors
    /// [`CacheError`] when the server did not answer, or not as it should.
    pub async fn rank_waitlist(
        &self,
        list_id: i64,
        entries: &[i64],
    ) -> Result<Option<Ranks>, CacheError> {
        let mut answers = Ranks {
            waiting: 0,
            entries: Vec::with_capacity(entries.len()),
        };
        // An empty question still asks how many wait.
        let parts: Vec<&[i64]> = if entries.is_empty() {
            vec![entries]
        } else {
            entries.chunks(ENTRIES_PER_CALL).collect()
        };
        let cmds = parts
            .iter()
            .map(|part| {
                let mut cmd = open("FCALL_RO", function::LIST_RANK, list_id);
                cmd.arg(*part);
                cmd
            })
            .collect();
        for (part, value) in parts.iter().zip(self.in_waves(cmds, CALLS_AT_ONCE).await?) {
            let Some(ranks) = ranks(&value, part.len())? else {
                return Ok(None);
            };
            answers.waiting = ranks.waiting;
            answers.entries.extend(ranks.entries);
        }
        Ok(Some(answers))
    }

    /// Drops a waitlist that is over.
    ///
    /// # Errors
    /// [`CacheError`] when the server did not answer.
    pub async fn forget_waitlist(&self, list_id: i64) -> Result<(), CacheError> {
        self.one(open("FCALL", function::LIST_FORGET, list_id))
            .await
            .map(drop)
    }

    async fn one(&self, cmd: Cmd) -> Result<Value, CacheError> {
        let mut values = self.in_waves(vec![cmd], 1).await?;
        Ok(values.pop().unwrap_or(Value::Nil))
    }
}

fn open(verb: &str, function: &str, list_id: i64) -> Cmd {
    let keys = keys::waitlist(list_id);
    let mut cmd = Cmd::new();
    cmd.arg(verb).arg(function).arg(keys.len()).arg(&keys);
    cmd
}

fn scored(cmd: &mut Cmd, entries: &[Entry]) -> Result<(), CacheError> {
    for entry in entries {
        let score = entry
            .standing
            .score()
            .ok_or_else(|| CacheError::BadStanding(format!("{:?}", entry.standing)))?;
        cmd.arg(score).arg(entry.id);
    }
    Ok(())
}

fn imported(value: &Value) -> Result<Imported, CacheError> {
    match text(value)?.as_str() {
        "begun" | "imported" | "published" => Ok(Imported::Done),
        "stale_generation" => Ok(Imported::Stale),
        "incomplete" => Ok(Imported::Incomplete),
        _ => Err(unexpected(value)),
    }
}

fn ranks(value: &Value, count: usize) -> Result<Option<Ranks>, CacheError> {
    if let Value::BulkString(word) = value
        && word == b"rebuild"
    {
        return Ok(None);
    }
    let Value::Array(parts) = value else {
        return Err(unexpected(value));
    };
    let [waiting, entries @ ..] = parts.as_slice() else {
        return Err(unexpected(value));
    };
    if entries.len() != count {
        return Err(unexpected(value));
    }
    Ok(Some(Ranks {
        waiting: number(waiting)?,
        entries: entries.iter().map(ranked).collect::<Result<_, _>>()?,
    }))
}

fn ranked(value: &Value) -> Result<Option<Ranked>, CacheError> {
    let parts = match value {
        Value::Nil => return Ok(None),
        Value::Array(parts) => parts,
        _ => return Err(unexpected(value)),
    };
    let [ahead, earlier, score, previous, next] = parts.as_slice() else {
        return Err(unexpected(value));
    };
    Ok(Some(Ranked {
        ahead: number(ahead)?,
        ahead_in_earlier_tiers: number(earlier)?,
        standing: Standing::of_score(number(score)?).ok_or_else(|| unexpected(value))?,
        previous: neighbour(previous)?,
        next: neighbour(next)?,
    }))
}

fn number(value: &Value) -> Result<u64, CacheError> {
    u64::from_redis_value_ref(value).map_err(|_| unexpected(value))
}

fn neighbour(value: &Value) -> Result<Option<i64>, CacheError> {
    match value {
        Value::BulkString(bytes) if bytes.is_empty() => Ok(None),
        other => i64::from_redis_value_ref(other)
            .map(Some)
            .map_err(|_| unexpected(value)),
    }
}
