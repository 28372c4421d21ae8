//! The road of a hold, cheapest questions first. Every way to say no that needs nobody else is taken before anybody is asked.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant as Steady;

use booking_core::ids::{StockId, WindowId};
use booking_core::outcome::Refusal;
use booking_core::snapshot::Snapshot;
use booking_core::time::Instant;
use booking_redis::reply::Verdict;
use bytes::Bytes;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::admissions::{Tried, Turn};
use crate::clock::Moment;
use crate::gate::Gate;
use crate::token::Pass;
use crate::waiting::{self, Shown};
use crate::wish::Wish;
use crate::work::{Facts, HoldWish, Word, Work};

/// When to come back after `busy` and the like (ms).
const SOON_MS: u32 = 2000;
/// When a request that is under way will have its answer (ms).
const IN_FLIGHT_MS: u32 = 1000;

/// What a hold came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Held, now or when the key was first used: the answer as JSON.
    Held(Bytes),
    /// No.
    Refused(Cow<'static, str>, Option<Instant>),
    /// Turned away, for this reason, to keep the others quick.
    Shed(&'static str),
}

/// One request, understood.
pub struct Asked {
    /// The account that asks.
    pub account: Uuid,
    /// Its key.
    pub key: String,
    /// What it wishes for.
    pub wish: Wish,
    /// Its leave.
    pub pass: Arc<Pass>,
    /// The room ticket that it shows, if any.
    pub shown: Shown,
}

/// Holds a place, or says why not. The request came at `began` and is understood since `now`.
pub async fn hold(gate: &Arc<Gate>, asked: Asked, began: Steady, now: Moment) -> Outcome {
    let stages = &gate.metrics.stages;
    if let Some(outcome) = at_hand(gate, &asked, now) {
        let told = Steady::now();
        stages.local.observe((told - now.steady).as_secs_f64());
        stages.total.observe((told - began).as_secs_f64());
        return outcome;
    }
    let deadline = Steady::now() + gate.settings.hold_deadline;
    let road = Box::pin(travel(gate, asked, deadline));
    let outcome = match tokio::time::timeout_at(deadline.into(), road).await {
        Ok(outcome) => outcome,
        Err(_) => soon(gate, "outcome_unknown"),
    };
    stages.total.observe(began.elapsed().as_secs_f64());
    outcome
}

/// The refusal that most requests of a rush get: one for which everything is known already, and nobody has to be waited for.
/// None where the whole road has to be travelled.
fn at_hand(gate: &Arc<Gate>, asked: &Asked, now: Moment) -> Option<Outcome> {
    let Wish {
        window_id,
        stock_id,
        person,
    } = asked.wish;
    if asked.pass.account != asked.account || asked.pass.person != person {
        return Some(refused("pass_invalid"));
    }
    let facts = gate.facts_at_hand(window_id, stock_id, now.steady)?;
    let Some(facts) = (*facts).as_ref() else {
        return Some(refused("unknown_window"));
    };
    if let Some(code) = unfit(asked, facts) {
        return Some(refused(code));
    }
    let slot = gate.session(facts.session_id, now.steady);
    let snapshot = gate.snapshot(facts.session_id, &slot, now.steady)?;
    let (window, stock) = (WindowId(window_id), StockId(stock_id));
    if waiting::refuse(gate, asked, facts.session_id).is_some() {
        // May be repeating a request from a moment ago, of which a snapshot tells nothing.
        return None;
    }
    let refusal = snapshot.refusal(now.reading, window, stock)?;
    let repeated = match (refusal, snapshot.versions_of(window, stock)) {
        (Refusal::InFlight, _) => true,
        // The ledger has to be asked.
        _ if is_told_by_the_clock(refusal) => return None,
        (_, Some(versions)) => {
            gate.is_holder_at_hand(&asked.account, window_id, stock_id, versions, now.steady)?
        }
        (_, None) => false,
    };
    if repeated {
        return None;
    }
    gate.rooms.note_asked(facts.session_id);
    Some(of_refusal_at(gate, refusal, now.now()))
}

/// The whole road of a request whose pass is its own ([`at_hand`] has asked): with waiting, wherever something is not known.
async fn travel(gate: &Arc<Gate>, asked: Asked, deadline: Steady) -> Outcome {
    let began = Steady::now();
    let Wish {
        window_id,
        stock_id,
        ..
    } = asked.wish;
    let Some(facts) = gate.facts(window_id, stock_id, began).await else {
        return soon(gate, "busy");
    };
    let Some(facts) = (*facts).as_ref() else {
        return refused("unknown_window");
    };
    if let Some(code) = unfit(&asked, facts) {
        return refused(code);
    }
    let session_id = facts.session_id;
    gate.rooms.note_asked(session_id);
    if let Some(waits) = waiting::refuse(gate, &asked, session_id) {
        let known = gate.may_be_holder_since(&asked.account, window_id, stock_id, began);
        if known.await {
            return first_answer_or(gate, &asked, waits).await;
        }
        return waits;
    }
    let now = gate.clock.moment();
    let slot = gate.session(session_id, now.steady);
    if let Some(snapshot) = gate.snapshot(session_id, &slot, now.steady)
        && let Some(refusal) = snapshot.refusal(now.reading, WindowId(window_id), StockId(stock_id))
    {
        let outcome = unless_repeated(gate, &asked, &snapshot, refusal, began).await;
        gate.metrics
            .stages
            .local
            .observe(began.elapsed().as_secs_f64());
        return outcome;
    }
    if gate.ledger_is_full() {
        return Outcome::Shed("ledger_full");
    }
    let mut tried = try_once(gate, &asked, session_id, deadline).await;
    if matches!(tried, Some(Tried::Cache(Verdict::Rebuild))) {
        // The fetch copies the session into the cache, once for all who ask.
        if gate.snapshot_since(session_id, began).await.is_none() {
            tried = Some(Tried::Cache(Verdict::Unavailable));
        } else {
            tried = try_once(gate, &asked, session_id, deadline).await;
        }
    }
    match tried {
        None => Outcome::Shed("cache_full"),
        Some(Tried::Ledger(word)) => of_word(gate, word),
        Some(Tried::Cache(Verdict::Unavailable | Verdict::Rebuild | Verdict::Granted)) => {
            without_cache(gate, &asked, session_id, deadline).await
        }
        Some(Tried::Cache(Verdict::Refused(refusal))) => {
            // The cache may refuse for permits that are out, or before it has heard of a claim: only what the ledger was
            // asked after this request had come tells who may be repeating it.
            let known = async {
                // Its own try is under way, and may be answered by now.
                matches!(refusal, Refusal::InFlight)
                    || gate
                        .may_be_holder_since(&asked.account, window_id, stock_id, began)
                        .await
            };
            // The snapshot of now lets the next be refused from here.
            let (_, repeated) = tokio::join!(gate.snapshot_since(session_id, began), known);
            if repeated {
                first_answer_or(gate, &asked, of_refusal(gate, refusal)).await
            } else {
                of_refusal(gate, refusal)
            }
        }
    }
}

/// Why this pass does not open this window, if it does not.
fn unfit(asked: &Asked, facts: &Facts) -> Option<&'static str> {
    let Asked { pass, wish, .. } = asked;
    let Some(vaccine) = facts.vaccines.get(&wish.stock_id) else {
        return Some("no_such_stock");
    };
    let clinic_listed = pass
        .clinics
        .as_ref()
        .is_none_or(|listed| listed.contains(&facts.clinic_id));
    let opens = pass.vaccine_code == *vaccine && clinic_listed && pass.is_for(facts.day);
    (!opens).then_some("pass_not_valid_here")
}

async fn try_once(
    gate: &Arc<Gate>,
    asked: &Asked,
    session_id: i64,
    deadline: Steady,
) -> Option<Tried> {
    let turn = Turn::take(&gate.at_cache, gate.settings.admit_waiting_max)?
        .timed_as(&gate.metrics.stages.admit);
    let tried = gate.admissions.try_for(
        wish_of(asked, session_id),
        asked.wish.permit(),
        turn,
        deadline,
    );
    Some(tried.await)
}

fn wish_of(asked: &Asked, session_id: i64) -> HoldWish {
    HoldWish {
        account: asked.account,
        person: asked.wish.person,
        session_id,
        window_id: asked.wish.window_id,
        stock_id: asked.wish.stock_id,
        key: asked.key.clone(),
        body_hash: asked.wish.body_hash(),
        pass_generation: asked.pass.generation,
    }
}

/// The road while the cache is away: the ledger alone decides, for a limited number at a time.
async fn without_cache(
    gate: &Arc<Gate>,
    asked: &Asked,
    session_id: i64,
    deadline: Steady,
) -> Outcome {
    let Some(_turn) = Turn::take(&gate.on_slow_path, gate.settings.slow_path_max) else {
        return soon(gate, "busy");
    };
    let Some(turn) = Turn::take(&gate.at_ledger, gate.settings.ledger_waiting_max) else {
        return Outcome::Shed("ledger_full");
    };
    let turn = turn.timed_as(&gate.metrics.stages.ledger);
    let (reply, said) = oneshot::channel();
    let wish = wish_of(asked, session_id);
    gate.desk.put(vec![Work::Hold {
        wish,
        deadline,
        turn,
        reply,
    }]);
    of_word(gate, said.await.ok())
}

/// The refusal, unless this account may be repeating a request that was granted: then its first answer, if there is one.
async fn unless_repeated(
    gate: &Arc<Gate>,
    asked: &Asked,
    snapshot: &Snapshot,
    refusal: Refusal,
    began: Steady,
) -> Outcome {
    let Wish {
        window_id,
        stock_id,
        ..
    } = asked.wish;
    let repeated = match refusal {
        // Its own try is under way, and may be answered by now.
        Refusal::InFlight => true,
        _ if is_told_by_the_clock(refusal) => {
            gate.may_be_holder_since(&asked.account, window_id, stock_id, began)
                .await
        }
        _ => match snapshot.versions_of(WindowId(window_id), StockId(stock_id)) {
            Some(versions) => {
                gate.may_be_holder(&asked.account, window_id, stock_id, versions)
                    .await
            }
            None => false,
        },
    };
    if repeated {
        first_answer_or(gate, asked, of_refusal(gate, refusal)).await
    } else {
        of_refusal(gate, refusal)
    }
}

/// Whether time alone refuses, of which no counter has to have heard: a grant of a moment ago, which the cache was not told
/// because its gate died, is in none of the versions. Before the opening there was none.
const fn is_told_by_the_clock(refusal: Refusal) -> bool {
    matches!(refusal, Refusal::BookingEnded | Refusal::VialNotOpened)
}

/// The first answer to this key, where it has one; else what was going to be said.
async fn first_answer_or(gate: &Arc<Gate>, asked: &Asked, otherwise: Outcome) -> Outcome {
    let Some(_turn) = gate.lookup_turn() else {
        return Outcome::Shed("lookups_full");
    };
    let (reply, said) = oneshot::channel();
    gate.desk.put(vec![Work::FirstAnswer {
        account: asked.account,
        key: asked.key.clone(),
        body_hash: asked.wish.body_hash(),
        reply,
    }]);
    match said.await {
        Ok(Word::Nothing) => otherwise,
        word => of_word(gate, word.ok()),
    }
}

/// When to come back: what the cache or the ledger told (an opening time), or what the code itself says; none where it
/// will not help. The API says the same (`humiao.booking.retry`).
fn when_to_return(gate: &Gate, code: &str, told: Option<Instant>, now: Instant) -> Option<Instant> {
    let wait_ms = match code {
        "window_full" | "channel_full" | "out_of_stock" | "vial_not_opened" => {
            u32::try_from(gate.settings.full_retry.as_millis()).unwrap_or(u32::MAX)
        }
        "in_flight" => IN_FLIGHT_MS,
        "busy" | "outcome_unknown" => SOON_MS,
        _ => return told,
    };
    told.or_else(|| Some(now.plus_ms(wait_ms)))
}

fn of_refusal(gate: &Gate, refusal: Refusal) -> Outcome {
    of_refusal_at(gate, refusal, gate.clock.now())
}

fn of_refusal_at(gate: &Gate, refusal: Refusal, now: Instant) -> Outcome {
    let opens = match refusal {
        Refusal::NotYetBookable { from } => Some(from),
        _ => None,
    };
    let code = refusal.code();
    Outcome::Refused(Cow::Borrowed(code), when_to_return(gate, code, opens, now))
}

fn of_word(gate: &Gate, word: Option<Word>) -> Outcome {
    match word {
        Some(Word::Answer(answer)) => Outcome::Held(answer),
        Some(Word::Refused(code, told)) => {
            let retry_at = when_to_return(gate, &code, told, gate.clock.now());
            Outcome::Refused(Cow::Owned(code), retry_at)
        }
        Some(Word::Nothing) | None => soon(gate, "outcome_unknown"),
    }
}

const fn refused(code: &'static str) -> Outcome {
    Outcome::Refused(Cow::Borrowed(code), None)
}

fn soon(gate: &Gate, code: &'static str) -> Outcome {
    let retry_at = when_to_return(gate, code, None, gate.clock.now());
    Outcome::Refused(Cow::Borrowed(code), retry_at)
}
