//! The ledger itself: one connection for one writer, opened when it is needed and again when it broke.

use std::error::Error as StdError;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use booking_core::time::Instant;
use bytes::Bytes;
use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row, Statement};

use crate::endpoint::Endpoint;
use crate::holds::{Committed, Counter, Part, Word};
use crate::persist::{Ledger, Trouble};

/// What is said to the server at the beginning of a connection.
#[derive(Debug, Clone, Default)]
pub struct Session {
    /// Settings, by name.
    pub settings: Vec<(String, String)>,
    /// The text of `booking/hold_many`.
    pub statement: String,
    /// How long a hold may be confirmed (ms).
    pub hold_ttl_ms: i32,
}

/// The ledger itself.
pub struct Postgres {
    endpoint: Endpoint,
    session: Session,
    connected: Option<Connected>,
}

struct Connected {
    client: Client,
    statement: Statement,
    /// Carries what the client says and hears.
    carrier: JoinHandle<()>,
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.carrier.abort();
    }
}

impl Postgres {
    /// Not connected yet.
    pub const fn new(endpoint: Endpoint, session: Session) -> Self {
        Self {
            endpoint,
            session,
            connected: None,
        }
    }

    async fn connect(&self) -> Result<Connected, Error> {
        let (client, connection) = self
            .endpoint
            .config
            .connect(self.endpoint.tls.clone())
            .await?;
        let carrier = tokio::spawn(async move {
            // Why it ended is told to whoever waits for an answer.
            let _ = connection.await;
        });
        for (name, value) in &self.session.settings {
            let set: [&(dyn ToSql + Sync); 2] = [name, value];
            client
                .query("SELECT set_config($1, $2, false)", &set)
                .await?;
        }
        let statement = client.prepare(&self.session.statement).await?;
        Ok(Connected {
            client,
            statement,
            carrier,
        })
    }

    async fn run(&mut self, part: Part<'_>) -> Result<Vec<Row>, Error> {
        let connected = match self.connected.take() {
            Some(connected) if !connected.client.is_closed() => connected,
            _ => self.connect().await?,
        };
        let Connected {
            client, statement, ..
        } = self.connected.insert(connected);
        let Part { holds, from, to } = part;
        let values: [&(dyn ToSql + Sync); 13] = [
            &&holds.claim_ids[from..to],
            &&holds.hold_tokens[from..to],
            &&holds.actors[from..to],
            &&holds.account_ids[from..to],
            &&holds.person_ids[from..to],
            &&holds.window_ids[from..to],
            &&holds.channels[from..to],
            &&holds.stock_ids[from..to],
            &&holds.keys[from..to],
            &&holds.body_hashes[from..to],
            &&holds.sources[from..to],
            &&holds.pass_generations[from..to],
            &self.session.hold_ttl_ms,
        ];
        client.query(&*statement, &values).await
    }
}

impl Ledger for Postgres {
    async fn hold(&mut self, part: Part<'_>, within: Duration) -> Result<Committed, Trouble> {
        let ran = tokio::time::timeout(within, self.run(part)).await;
        let told = match ran {
            Err(_) => Err(Trouble::Away("no answer in time".to_owned())),
            Ok(Err(error)) => Err(trouble(&error)),
            Ok(Ok(rows)) => read(part.len(), &rows).map_err(|error| trouble(&error)),
        };
        match told {
            Ok(committed) if committed.words.len() != part.len() => {
                Err(Trouble::Broken("not a word for each hold".to_owned()))
            }
            Err(trouble @ (Trouble::Away(_) | Trouble::Broken(_))) => {
                // Whatever it was about is left behind with the connection.
                self.connected = None;
                Err(trouble)
            }
            told => told,
        }
    }
}

/// Rows `(n, code, retry_at, answer, session_id, field, version, free)`: words first, then counters.
fn read(holds: usize, rows: &[Row]) -> Result<Committed, Error> {
    let (words, counters) = rows.split_at(holds.min(rows.len()));
    Ok(Committed {
        words: words.iter().map(word).collect::<Result<_, _>>()?,
        counters: counters.iter().map(counter).collect::<Result<_, _>>()?,
    })
}

fn word(row: &Row) -> Result<Word, Error> {
    let retry_at: Option<SystemTime> = row.try_get(2)?;
    let answer: Option<&str> = row.try_get(3)?;
    Ok(Word {
        code: row.try_get(1)?,
        retry_at: retry_at.map(instant),
        answer: answer.map(|answer| Bytes::copy_from_slice(answer.as_bytes())),
    })
}

fn counter(row: &Row) -> Result<Counter, Error> {
    Ok(Counter {
        session_id: row.try_get(4)?,
        field: row.try_get(5)?,
        version: row.try_get(6)?,
        free: row.try_get(7)?,
    })
}

fn instant(at: SystemTime) -> Instant {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    Instant(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// What an error means for the batch; codes: appendix A of the manual of `PostgreSQL`.
fn trouble(error: &Error) -> Trouble {
    let Some(said) = error.as_db_error() else {
        // Not the server's word: it could not be reached, broke off, or sent what is not understood.
        let text = with_causes(error);
        return if error.is_closed() || causes(error).any(<dyn StdError>::is::<std::io::Error>) {
            Trouble::Away(text)
        } else {
            Trouble::Broken(text)
        };
    };
    let code = said.code();
    let text = format!("{} {}", code.code(), said.message());
    let again = [
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::QUERY_CANCELED,
    ];
    // A plan made for what is no longer there; nothing was done, and a new connection makes a new one.
    let outdated = [
        SqlState::FEATURE_NOT_SUPPORTED,
        SqlState::INVALID_SQL_STATEMENT_NAME,
    ];
    let stopping = [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::READ_ONLY_SQL_TRANSACTION,
    ];
    if again.contains(code) {
        Trouble::Transient(text)
    } else if stopping.contains(code) || outdated.contains(code) {
        Trouble::Away(text)
    } else {
        match &code.code()[..2] {
            "22" | "23" => Trouble::Spoilt(text),
            // Connections, resources.
            "08" | "53" => Trouble::Away(text),
            _ => Trouble::Broken(text),
        }
    }
}

fn causes(error: &Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    std::iter::successors(error.source(), |cause: &&(dyn StdError + 'static)| {
        (*cause).source()
    })
}

fn with_causes(error: &Error) -> String {
    let causes = causes(error).map(|cause| format!(": {cause}"));
    std::iter::once(error.to_string()).chain(causes).collect()
}
