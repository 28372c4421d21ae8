//! One gate: everything its connections share.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant as Steady};

use booking_core::snapshot::{Snapshot, Versions};
use booking_redis::ClientSettings;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};

use crate::admissions::{Admissions, Turn};
use crate::clock::Clock;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::problem::Problems;
use crate::reports;
use crate::rooms::Rooms;
use crate::settings::Settings;
use crate::slots::{Known, Slot, Slots};
use crate::snapshots;
use crate::streams::Streams;
use crate::token::Keyring;
use crate::work::{Desk, Facts, Holders, Work};

/// Callers whose pace is remembered, of each kind.
const CALLERS_MAX: usize = 1_000_000;
/// Windows of which facts and holders are remembered, for each clinic session remembered.
const WINDOWS_PER_SESSION: usize = 16;
/// A window that did not exist, or a stock, is asked for again after this.
const ABSENCE_TRUSTED_FOR: Duration = Duration::from_secs(1);

/// The keys of now, shared with the gate's own tasks.
pub type SharedKeyring = Arc<RwLock<Arc<Keyring>>>;

/// Shared by every connection.
pub struct Gate {
    /// Bounds and rates.
    pub settings: Settings,
    /// The words of refusals.
    pub problems: Problems,
    /// The database's clock.
    pub clock: Clock,
    /// What the SRE sees.
    pub metrics: Metrics,
    /// Pace of accounts.
    pub accounts: Arc<Limits>,
    /// Pace of devices.
    pub devices: Arc<Limits>,
    /// Pace of addresses.
    pub addresses: Arc<Limits>,
    /// Where batches and fetches run.
    pub runtime: Handle,
    /// The ledger's side.
    pub desk: Arc<dyn Desk>,
    /// The way to the cache.
    pub admissions: Admissions,
    /// Waiting for the cache.
    pub at_cache: Arc<AtomicUsize>,
    /// Waiting for the ledger.
    pub at_ledger: Arc<AtomicUsize>,
    /// At the ledger without the cache's leave.
    pub on_slow_path: Arc<AtomicUsize>,
    /// Waiting for lookups.
    pub at_lookup: Arc<AtomicUsize>,
    /// At the application.
    pub at_upstream: Arc<AtomicUsize>,
    /// On their way there with a large body, or waiting for the answer to it.
    pub at_uploads: Arc<AtomicUsize>,
    /// Answers of the application that are waited for or passed on.
    pub at_answers: Arc<AtomicUsize>,
    /// Waiting rooms.
    pub rooms: Arc<Rooms>,
    /// Those who listen in them.
    pub streams: Streams,
    keyring: SharedKeyring,
    sessions: Slots<i64, Snapshot>,
    facts: Slots<i64, Option<Facts>>,
    holders: Slots<(i64, i64), Holders>,
    leaving: watch::Sender<bool>,
    /// What the ledger's side shows beside this gate's own metrics.
    beside: RwLock<String>,
}

impl Gate {
    /// Puts a gate together and begins to talk to the cache.
    pub fn new(
        settings: Settings,
        problems: Problems,
        cache: ClientSettings,
        desk: Arc<dyn Desk>,
        runtime: &Handle,
    ) -> Self {
        let at_ledger = Arc::<AtomicUsize>::default();
        let metrics = Metrics::default();
        let admissions = Admissions::start(
            cache,
            runtime,
            settings.channel.clone(),
            Arc::clone(&desk),
            Arc::clone(&at_ledger),
            &metrics,
        );
        let keyring = SharedKeyring::default();
        let [accounts, devices, addresses] = reports::start(
            [
                settings.account_rate,
                settings.device_rate,
                settings.address_rate,
            ]
            .map(|rate| Limits::new(rate, CALLERS_MAX)),
            settings.limits_shared,
            admissions.client(),
            &keyring,
            &metrics.limits,
            runtime,
        );
        let windows_max = settings.sessions_max * WINDOWS_PER_SESSION;
        Self {
            accounts,
            devices,
            addresses,
            sessions: Slots::new(settings.sessions_max),
            facts: Slots::new(windows_max),
            holders: Slots::new(windows_max),
            problems,
            clock: Clock::default(),
            metrics,
            runtime: runtime.clone(),
            desk,
            admissions,
            at_cache: Arc::default(),
            at_ledger,
            on_slow_path: Arc::default(),
            at_lookup: Arc::default(),
            at_upstream: Arc::default(),
            at_uploads: Arc::default(),
            at_answers: Arc::default(),
            rooms: Arc::default(),
            streams: Streams::default(),
            keyring,
            leaving: watch::Sender::new(false),
            beside: RwLock::default(),
            settings,
        }
    }

    /// The keys of now.
    pub fn keyring(&self) -> Arc<Keyring> {
        Arc::clone(&self.keyring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Other keys, or other revocation generations.
    pub fn take_keys(&self, keyring: Keyring) {
        if self.keyring().is_like(&keyring) {
            return; // what it remembers of tokens stays
        }
        *self.keyring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keyring);
    }

    /// The slot of a session's snapshot. `now` is when it is asked for, here as below.
    pub fn session(&self, session_id: i64, now: Steady) -> Arc<Slot<Snapshot>> {
        self.sessions.slot(session_id, now)
    }

    /// A snapshot that may refuse; renewed in the background when it is no longer young.
    pub fn snapshot(
        self: &Arc<Self>,
        session_id: i64,
        slot: &Arc<Slot<Snapshot>>,
        now: Steady,
    ) -> Option<Arc<Snapshot>> {
        let known = slot.peek();
        let age = known.as_ref().map_or(Duration::MAX, |known| {
            now.saturating_duration_since(known.asked_at)
        });
        if age >= self.settings.snapshot_renewed_after {
            let before = known.as_ref().map(|known| Arc::clone(&known.value));
            slot.refresh(&self.runtime, || {
                snapshots::fetch(Arc::clone(self), session_id, before)
            });
        }
        known
            .filter(|_| age < self.settings.snapshot_trusted_for)
            .map(|known| known.value)
    }

    /// A snapshot asked for at `since` or later.
    pub async fn snapshot_since(
        self: &Arc<Self>,
        session_id: i64,
        since: Steady,
    ) -> Option<Arc<Snapshot>> {
        let slot = self.session(session_id, since);
        let before = slot.peek().map(|known| known.value);
        let fetch = || snapshots::fetch(Arc::clone(self), session_id, before.clone());
        let good = |known: &Known<Snapshot>| known.asked_at >= since;
        slot.wait_for(&self.runtime, fetch, good)
            .await
            .map(|known| known.value)
    }

    /// What is known of a window without asking anybody; the inner none as in [`Self::facts`].
    pub fn facts_at_hand(
        &self,
        window_id: i64,
        stock_id: i64,
        now: Steady,
    ) -> Option<Arc<Option<Facts>>> {
        let known = self.facts.slot(window_id, now).peek()?;
        self.is_good(&known, stock_id, now).then_some(known.value)
    }

    fn is_good(&self, known: &Known<Option<Facts>>, stock_id: i64, now: Steady) -> bool {
        let complete = (*known.value)
            .as_ref()
            .is_some_and(|facts| facts.vaccines.contains_key(&stock_id));
        now.saturating_duration_since(known.asked_at)
            < if complete {
                self.settings.facts_trusted_for
            } else {
                ABSENCE_TRUSTED_FOR
            }
    }

    /// What is known of a window; the inner none means that there is no such window, the outer that nobody answered.
    pub async fn facts(
        self: &Arc<Self>,
        window_id: i64,
        stock_id: i64,
        now: Steady,
    ) -> Option<Arc<Option<Facts>>> {
        let slot = self.facts.slot(window_id, now);
        let good = |known: &Known<Option<Facts>>| self.is_good(known, stock_id, now);
        if let Some(known) = slot.peek().filter(&good) {
            return Some(known.value);
        }
        let fetch = || {
            let desk = Arc::clone(&self.desk);
            async move {
                let (reply, told) = oneshot::channel();
                desk.put(vec![Work::Facts { window_id, reply }]);
                told.await.ok()
            }
        };
        slot.wait_for(&self.runtime, fetch, good)
            .await
            .map(|known| known.value)
    }

    /// May this account have been granted a hold here, in changes up to `versions`? True where nobody could say.
    pub async fn may_be_holder(
        self: &Arc<Self>,
        account: &uuid::Uuid,
        window_id: i64,
        stock_id: i64,
        versions: Versions,
    ) -> bool {
        let good = |known: &Known<Holders>| known.value.versions.reach(versions);
        self.is_among_holders(account, window_id, stock_id, good)
            .await
    }

    /// The same without asking anybody; none where somebody has to be asked.
    pub fn is_holder_at_hand(
        &self,
        account: &uuid::Uuid,
        window_id: i64,
        stock_id: i64,
        versions: Versions,
        now: Steady,
    ) -> Option<bool> {
        let known = self.holders.slot((window_id, stock_id), now).peek()?;
        let good = known.value.versions.reach(versions);
        good.then(|| known.value.accounts.contains(account))
    }

    /// The same, in changes that were committed before `since`.
    pub async fn may_be_holder_since(
        self: &Arc<Self>,
        account: &uuid::Uuid,
        window_id: i64,
        stock_id: i64,
        since: Steady,
    ) -> bool {
        let good = |known: &Known<Holders>| known.asked_at >= since;
        self.is_among_holders(account, window_id, stock_id, good)
            .await
    }

    async fn is_among_holders(
        self: &Arc<Self>,
        account: &uuid::Uuid,
        window_id: i64,
        stock_id: i64,
        good: impl Fn(&Known<Holders>) -> bool,
    ) -> bool {
        let slot = self.holders.slot((window_id, stock_id), Steady::now());
        if let Some(known) = slot.peek().filter(&good) {
            return known.value.accounts.contains(account);
        }
        let fetch = || {
            let desk = Arc::clone(&self.desk);
            async move {
                let (reply, told) = oneshot::channel();
                desk.put(vec![Work::Holders {
                    window_id,
                    stock_id,
                    reply,
                }]);
                told.await.ok()
            }
        };
        let known = slot.wait_for(&self.runtime, fetch, good).await;
        known.is_none_or(|known| known.value.accounts.contains(account))
    }

    /// Asks the ledger's side to copy a session into the cache.
    pub async fn load(&self, session_id: i64) -> bool {
        let (reply, told) = oneshot::channel();
        self.desk.put(vec![Work::Load { session_id, reply }]);
        told.await.unwrap_or(false)
    }

    /// A place in the queue of lookups.
    pub fn lookup_turn(&self) -> Option<Turn> {
        Turn::take(&self.at_lookup, self.settings.lookups_waiting_max)
    }

    /// Whether the ledger has so much to do that nobody new may try.
    pub fn ledger_is_full(&self) -> bool {
        self.at_ledger.load(Ordering::Acquire) >= self.settings.ledger_waiting_max
    }

    /// From now on only those who have begun are answered.
    pub fn leave(&self) {
        self.leaving.send_replace(true);
        self.metrics.draining.set(1);
    }

    /// Resolves when this gate is about to stop.
    pub async fn leaves(&self) {
        // The sender lives as long as the gate.
        let _ = self.leaving.subscribe().wait_for(|leaving| *leaving).await;
    }

    /// Whether this gate is about to stop.
    pub fn is_leaving(&self) -> bool {
        *self.leaving.borrow()
    }

    /// Shows `text` (`OpenMetrics`, without the end mark) beside this gate's own metrics until the next.
    pub fn show_beside(&self, text: String) {
        *self.beside.write().unwrap_or_else(PoisonError::into_inner) = text;
    }

    /// The text for Prometheus.
    pub fn metrics_text(&self) -> String {
        let depth =
            |count: &AtomicUsize| i64::try_from(count.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        self.metrics.admit_depth.set(depth(&self.at_cache));
        self.metrics.ledger_depth.set(depth(&self.at_ledger));
        self.metrics.lookup_depth.set(depth(&self.at_lookup));
        self.metrics.upstream_depth.set(depth(&self.at_upstream));
        self.metrics.uploads_depth.set(depth(&self.at_uploads));
        self.metrics.answers_depth.set(depth(&self.at_answers));
        self.metrics.slow_path_depth.set(depth(&self.on_slow_path));
        self.metrics.streams.set(depth(self.streams.open()));
        let own = self
            .metrics
            .text(self.sessions.oldest_age(Duration::from_secs(2)));
        // The end mark of the format comes last.
        let mut text = self
            .beside
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        text.push_str(&own);
        text
    }
}
