//! The client: one batch of requests in flight, everything that queued meanwhile in the next; no timer.
//!
//! The busier the cache, the larger the batches, up to `max_batch`; an idle cache answers a lone request at once.

use std::collections::HashMap;
use std::time::Duration;

use booking_core::throttle::Pace;
use redis::cluster_routing::Slot;
use redis::{Cmd, Value};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::call::{self, Bucket, Group, LetThrough, Request, SessionState, Settlement};
use crate::endpoint::Endpoint;
use crate::error::CacheError;
use crate::keys::{self, CallerKind, Counter};
use crate::library::{LIBRARY_NAME, Library};
use crate::link::{Link, LinkSettings};
use crate::reply::{self, SessionRead, Verdict};

/// Sessions that one call of `settle_many`, `release_many` or `forget` names, so that no call blocks the server for long.
const SESSIONS_PER_CALL: usize = 64;
/// Calls that `load` and `read` keep under way at once.
const CALLS_UNDER_WAY: usize = 64;
/// Largest batch: a call has to fit what Lua can unpack, and must not block the server for long.
const MAX_BATCH: usize = 1000;

/// How to reach the cache and how to use it.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// Where the cache is.
    pub endpoint: Endpoint,
    /// Life of a permit (ms).
    pub permit_ttl_ms: u32,
    /// Most requests in one batch (1 to 1000).
    pub max_batch: usize,
    /// Bound of one attempt to connect, the library's load included.
    pub connect_timeout: Duration,
    /// Bound of one command.
    pub response_timeout: Duration,
    /// The function library; tests may bring one with a clock of their own.
    pub library: Library,
}

impl ClientSettings {
    /// Settings as production uses them.
    ///
    /// # Errors
    /// [`CacheError::BadEndpoint`] when the address is not understood.
    pub fn new(url: &str) -> Result<Self, CacheError> {
        Ok(Self {
            endpoint: url.parse()?,
            permit_ttl_ms: 10_000,
            max_batch: 128,
            connect_timeout: Duration::from_secs(2),
            response_timeout: Duration::from_secs(1),
            library: Library::production(),
        })
    }
}

/// Answer to the request that was submitted with this ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The submitter's own number.
    pub ticket: i64,
    /// May it try?
    pub verdict: Verdict,
}

struct Queued {
    ticket: i64,
    request: Request,
}

/// One process's way to the cache. Cheap to clone; clones share the connection and the queue.
#[derive(Clone)]
pub struct Client {
    link: Link,
    queue: mpsc::UnboundedSender<Queued>,
    closing: watch::Sender<bool>,
    runtime: Handle,
}

/// What [`Client::ping`] learns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// `valkey 9.1.2` or `redis 7.0.15`.
    pub server: String,
    /// Version of the loaded function library.
    pub library: String,
    /// `single`, `sentinel` or `cluster`.
    pub mode: &'static str,
}

impl Client {
    /// Spawns the client's tasks on `runtime`. `deliver` is called once per batch, from a task: it must not block.
    ///
    /// The handle returned ends when the client is closed and every request has had its answer delivered.
    pub fn start(
        settings: ClientSettings,
        runtime: &Handle,
        deliver: impl Fn(Vec<Answer>) + Send + 'static,
    ) -> (Self, JoinHandle<()>) {
        let link = Link::start(
            LinkSettings {
                endpoint: settings.endpoint,
                connect_timeout: settings.connect_timeout,
                response_timeout: settings.response_timeout,
                library: settings.library,
            },
            runtime,
        );
        let (queue, waiting) = mpsc::unbounded_channel();
        let (closing, closed) = watch::channel(false);
        let client = Self {
            link: link.clone(),
            queue,
            closing,
            runtime: runtime.clone(),
        };
        let carrier = Carrier {
            link,
            runtime: runtime.clone(),
            max_batch: settings.max_batch.clamp(1, MAX_BATCH),
            permit_ttl_ms: settings.permit_ttl_ms,
        };
        let done = runtime.spawn(carrier.run(waiting, closed, deliver));
        (client, done)
    }

    /// Queues a request; never blocks. Its answer is delivered with its batch.
    ///
    /// # Errors
    /// [`CacheError::Unavailable`] when the client has been closed; then nothing is delivered.
    pub fn submit(&self, ticket: i64, request: Request) -> Result<(), CacheError> {
        self.queue
            .send(Queued { ticket, request })
            .map_err(|_| CacheError::Unavailable("closed".to_owned()))
    }

    /// Ends the client: what is queued or in flight is answered `unavailable`, later submissions are errors.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Brings the ledger's counters home and ends permits. Returns the sessions that must be rebuilt.
    ///
    /// # Errors
    /// [`CacheError`] when some call failed; the others have happened. Calling again does no harm.
    pub async fn settle(&self, settlements: &[Settlement]) -> Result<Vec<i64>, CacheError> {
        let parts = self.parts(settlements, |settlement| settlement.session_id);
        let cmds = parts.iter().map(|part| call::settle_many(part)).collect();
        let mut rebuild = Vec::new();
        for (part, value) in parts.iter().zip(self.all(cmds).await?) {
            let answers = reply::rebuilds(&value, part.len())?;
            rebuild.extend(
                part.iter()
                    .zip(answers)
                    .filter(|(_, needed)| *needed)
                    .map(|(part, _)| part.session_id),
            );
        }
        rebuild.sort_unstable();
        rebuild.dedup();
        Ok(rebuild)
    }

    /// Ends permits (session, permit id) without news from the ledger.
    ///
    /// # Errors
    /// [`CacheError`] when some call failed; the permits run out by themselves.
    pub async fn release(&self, permits: &[(i64, String)]) -> Result<(), CacheError> {
        let mut sessions: Vec<(i64, Vec<String>)> = Vec::new();
        let mut places = HashMap::new();
        for (session_id, permit) in permits {
            let place = *places.entry(*session_id).or_insert_with(|| {
                sessions.push((*session_id, Vec::new()));
                sessions.len() - 1
            });
            sessions[place].1.push(permit.clone());
        }
        let parts = self.parts(&sessions, |(session_id, _)| *session_id);
        self.all(parts.iter().map(|part| call::release_many(part)).collect())
            .await
            .map(drop)
    }

    /// Copies clinic sessions from the ledger; false where the stored generation was not older.
    ///
    /// # Errors
    /// [`CacheError`] when some call failed; the others have happened.
    pub async fn load(&self, states: &[SessionState]) -> Result<Vec<bool>, CacheError> {
        let values = self.all(states.iter().map(call::load).collect()).await?;
        values.iter().map(reply::loaded).collect()
    }

    /// What the cache believes; none for sessions that are not loaded.
    ///
    /// # Errors
    /// [`CacheError`] when some call failed or a state is not one that `load` writes.
    pub async fn read(&self, session_ids: &[i64]) -> Result<Vec<Option<SessionRead>>, CacheError> {
        let values = self
            .all(
                session_ids
                    .iter()
                    .map(|session_id| call::read(*session_id))
                    .collect(),
            )
            .await?;
        session_ids
            .iter()
            .zip(&values)
            .map(|(session_id, value)| reply::session(*session_id, value))
            .collect()
    }

    /// A state of which `generation` and `counters` are known already, as it is now: which counters there are changes only
    /// with the generation. None when the session is not loaded, was loaded anew meanwhile, or lacks one of them: then
    /// [`Self::read`] tells.
    ///
    /// Costs the cache a small part of `read`, which also brings everybody's permits.
    ///
    /// # Errors
    /// [`CacheError`] when the call failed or a counter is not one that `load` writes.
    pub async fn look(
        &self,
        session_id: i64,
        generation: u64,
        counters: &[Counter],
    ) -> Result<Option<SessionState>, CacheError> {
        let value = self.link.call(&call::look(session_id, counters)).await?;
        reply::looked(session_id, generation, counters, &value)
    }

    /// Drops the state of clinic sessions that have ended.
    ///
    /// # Errors
    /// [`CacheError`] when some call failed.
    pub async fn forget(&self, session_ids: &[i64]) -> Result<(), CacheError> {
        let parts = self.parts(session_ids, |session_id| *session_id);
        self.all(parts.iter().map(|part| call::forget(part)).collect())
            .await
            .map(drop)
    }

    /// Tells whom a gate let through, in one call (in a Cluster one per slot). Answers for each caller, in order, how far all
    /// gates together put it ahead of now (microseconds); none where nobody answered. Then its requests may be counted or not.
    pub async fn throttle(
        &self,
        callers: &[LetThrough],
        pace: impl Fn(CallerKind) -> Pace,
    ) -> Vec<Option<u64>> {
        let buckets = call::by_bucket(callers);
        let calls: Vec<Vec<Bucket>> = match self.link.endpoint() {
            Endpoint::Cluster { .. } => by_slot(&buckets, |((kind, bucket), _)| {
                keys::callers(*kind, *bucket)
            }),
            _ => vec![buckets],
        };
        let cmds = calls
            .iter()
            .map(|buckets| call::throttle_buckets(callers, buckets, &pace))
            .collect();
        let mut aheads = vec![None; callers.len()];
        for (buckets, answer) in calls
            .iter()
            .zip(one_or_many(&self.link, &self.runtime, cmds).await)
        {
            let positions = positions(buckets);
            if let Ok(told) = answer.and_then(|value| reply::aheads(&value, positions.len())) {
                for (position, ahead) in positions.into_iter().zip(told) {
                    aheads[position] = Some(ahead);
                }
            }
        }
        aheads
    }

    /// Asks a server who it is, and for the library's version.
    ///
    /// # Errors
    /// [`CacheError`] when it does not answer.
    pub async fn ping(&self) -> Result<Health, CacheError> {
        let library = reply::text(&self.link.call(&call::version()).await?)?;
        let mut info = redis::cmd("INFO");
        info.arg("server");
        let info = first_text(&self.link.call(&info).await?)?;
        let field = |name: &str| {
            info.lines().find_map(|line| {
                line.strip_prefix(name)
                    .and_then(|rest| rest.strip_prefix(':'))
            })
        };
        // Valkey also gives a redis_version, for programs that ask which commands they may use.
        let server = field("valkey_version")
            .map(|version| format!("valkey {version}"))
            .or_else(|| field("redis_version").map(|version| format!("redis {version}")))
            .unwrap_or_default();
        Ok(Health {
            server,
            library: format!("{LIBRARY_NAME} {library}"),
            mode: self.link.endpoint().mode(),
        })
    }

    /// Cuts work into calls: of bounded size, and in a Cluster each within one slot.
    fn parts<T: Clone>(&self, items: &[T], session_id: impl Fn(&T) -> i64) -> Vec<Vec<T>> {
        let groups = match self.link.endpoint() {
            Endpoint::Cluster { .. } => by_slot(items, |item| keys::state(session_id(item))),
            _ => vec![items.to_vec()],
        };
        groups
            .iter()
            .flat_map(|group| group.chunks(SESSIONS_PER_CALL))
            .map(<[T]>::to_vec)
            .collect()
    }

    /// Sends many commands, a bounded number at once, and returns their answers in order.
    async fn all(&self, cmds: Vec<Cmd>) -> Result<Vec<Value>, CacheError> {
        self.in_waves(cmds, CALLS_UNDER_WAY).await
    }

    /// The same with `at_once_max` commands under way: few where each is long, for a command waits for those before it.
    pub(crate) async fn in_waves(
        &self,
        cmds: Vec<Cmd>,
        at_once_max: usize,
    ) -> Result<Vec<Value>, CacheError> {
        let mut values = Vec::with_capacity(cmds.len());
        let mut cmds = cmds.into_iter();
        loop {
            let wave: Vec<Cmd> = cmds.by_ref().take(at_once_max).collect();
            if wave.is_empty() {
                return Ok(values);
            }
            for answer in at_once(&self.link, &self.runtime, wave).await {
                values.push(answer?);
            }
        }
    }
}

/// Carries requests to the cache, batch after batch.
struct Carrier {
    link: Link,
    runtime: Handle,
    max_batch: usize,
    permit_ttl_ms: u32,
}

impl Carrier {
    async fn run(
        self,
        mut waiting: mpsc::UnboundedReceiver<Queued>,
        mut closed: watch::Receiver<bool>,
        deliver: impl Fn(Vec<Answer>) + Send + 'static,
    ) {
        let mut batch = Vec::with_capacity(self.max_batch);
        loop {
            let count = tokio::select! {
                count = waiting.recv_many(&mut batch, self.max_batch) => count,
                () = is_closed(&mut closed) => break,
            };
            if count == 0 {
                return;
            }
            let (tickets, requests): (Vec<i64>, Vec<Request>) = batch
                .drain(..)
                .map(|queued| (queued.ticket, queued.request))
                .unzip();
            let verdicts = tokio::select! {
                verdicts = self.admit(&requests) => verdicts,
                () = is_closed(&mut closed) => vec![Verdict::Unavailable; requests.len()],
            };
            deliver(
                tickets
                    .into_iter()
                    .zip(verdicts)
                    .map(|(ticket, verdict)| Answer { ticket, verdict })
                    .collect(),
            );
        }
        waiting.close();
        while waiting.recv_many(&mut batch, self.max_batch).await > 0 {
            deliver(
                batch
                    .drain(..)
                    .map(|queued| Answer {
                        ticket: queued.ticket,
                        verdict: Verdict::Unavailable,
                    })
                    .collect(),
            );
        }
    }

    /// Verdicts in the order of the requests.
    async fn admit(&self, requests: &[Request]) -> Vec<Verdict> {
        let groups = call::by_session(requests);
        let mut verdicts = vec![Verdict::Unavailable; requests.len()];
        let calls: Vec<Vec<Group>> = match self.link.endpoint() {
            Endpoint::Cluster { .. } => {
                by_slot(&groups, |(session_id, _)| keys::state(*session_id))
            }
            _ => vec![groups],
        };
        let cmds = calls
            .iter()
            .map(|groups| call::admit_groups(requests, groups, self.permit_ttl_ms))
            .collect();
        let answers = one_or_many(&self.link, &self.runtime, cmds).await;
        for (groups, answer) in calls.iter().zip(answers) {
            let positions = positions(groups);
            // An answer that cannot be understood is no answer: the ledger's slow road stays open.
            if let Ok(decided) = answer.and_then(|value| reply::verdicts(&value, positions.len())) {
                for (position, verdict) in positions.into_iter().zip(decided) {
                    verdicts[position] = verdict;
                }
            }
        }
        verdicts
    }
}

/// Positions in the order in which a call names them.
fn positions<K>(groups: &[(K, Vec<usize>)]) -> Vec<usize> {
    let positions = groups.iter().flat_map(|(_, positions)| positions);
    positions.copied().collect()
}

/// Sends commands together; a lone one needs no task.
async fn one_or_many(
    link: &Link,
    runtime: &Handle,
    cmds: Vec<Cmd>,
) -> Vec<Result<Value, CacheError>> {
    match cmds.as_slice() {
        [only] => vec![link.call(only).await],
        _ => at_once(link, runtime, cmds).await,
    }
}

/// Sends commands together; each has its own answer.
async fn at_once(link: &Link, runtime: &Handle, cmds: Vec<Cmd>) -> Vec<Result<Value, CacheError>> {
    let tasks: Vec<_> = cmds
        .into_iter()
        .map(|cmd| {
            let link = link.clone();
            runtime.spawn(async move { link.call(&cmd).await })
        })
        .collect();
    let mut answers = Vec::with_capacity(tasks.len());
    for task in tasks {
        answers.push(
            task.await
                .unwrap_or_else(|_| Err(CacheError::Unavailable("closed".to_owned()))),
        );
    }
    answers
}

/// Resolves when the client is closed, or dropped altogether.
async fn is_closed(closed: &mut watch::Receiver<bool>) {
    // An error means that no sender is left; then no one can close either, and the queue ends by itself.
    if closed.wait_for(|closed| *closed).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Groups items by the Cluster slot of their key, keeping order inside a group.
fn by_slot<T: Clone>(items: &[T], key: impl Fn(&T) -> String) -> Vec<Vec<T>> {
    let mut groups: Vec<Vec<T>> = Vec::new();
    let mut places = HashMap::new();
    for item in items {
        let place = *places.entry(Slot::for_key(key(item))).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[place].push(item.clone());
    }
    groups
}

/// In a Cluster INFO is answered by every node; one of them is enough to see the version.
fn first_text(value: &Value) -> Result<String, CacheError> {
    match value {
        Value::Map(nodes) => nodes
            .first()
            .map_or_else(|| reply::text(&Value::Nil), |(_, text)| reply::text(text)),
        other => reply::text(other),
    }
}
