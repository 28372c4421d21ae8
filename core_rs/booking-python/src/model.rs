//! `BookingModel`: booking-core's specification of the ledger, for tests and for thinking aloud in Python.

use std::num::NonZeroU32;

use booking_core::ids::{ClaimId, PersonId, SessionId, StockId, WindowId};
use booking_core::model::{BookingModel, HoldWish, Intent, Place, Quota, Stock, Window};
use booking_core::quota::{Counter, Edited};
use booking_core::time::Instant;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Decides as the ledger must. Every change returns its code: what was done, `answered`, or a refusal's.
#[pyclass(name = "BookingModel", module = "humiao._core")]
#[derive(Default)]
pub struct PyBookingModel(BookingModel);

/// (limit that now holds, how much more it is than wanted); none where there is nothing to edit.
fn told(edited: Option<Edited>) -> Option<(u32, u32)> {
    edited.map(|edited| (edited.limit, edited.kept_back))
}

fn place(window_id: i64, channel: String, stock_id: i64) -> Place {
    Place {
        window: WindowId(window_id),
        channel,
        stock: StockId(stock_id),
    }
}

/// (actor, key, body): body stands for the digest of the request.
type PyIntent = (String, String, u64);

fn intent((actor, key, body): PyIntent) -> Intent {
    Intent { actor, key, body }
}

#[pymethods]
impl PyBookingModel {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    fn add_window(
        &mut self,
        window_id: i64,
        session_id: i64,
        starts_ms: i64,
        until_ms: i64,
        capacity: u32,
    ) {
        let window = Window {
            session: SessionId(session_id),
            starts_at: Instant(starts_ms),
            bookable_until: Instant(until_ms),
            places: Counter::new(capacity),
        };
        self.0.windows.insert(WindowId(window_id), window);
    }

    fn add_quota(&mut self, window_id: i64, channel: String, from_ms: i64, quota: u32) {
        let share = Quota {
            bookable_from: Instant(from_ms),
            share: Counter::new(quota),
        };
        self.0.quotas.insert((WindowId(window_id), channel), share);
    }

    #[expect(clippy::too_many_arguments, reason = "named in Python")]
    fn add_stock(
        &mut self,
        stock_id: i64,
        session_id: i64,
        vaccine: String,
        series: Vec<String>,
        vials: u32,
        vial_size: u32,
        sealed_from_ms: Option<i64>,
    ) -> PyResult<()> {
        let size = NonZeroU32::new(vial_size)
            .ok_or_else(|| PyValueError::new_err("a vial holds at least one dose"))?;
        let stock = Stock::new(
            SessionId(session_id),
            vaccine,
            series.into_iter().collect(),
            (vials, size),
            sealed_from_ms.map(Instant),
        )
        .ok_or_else(|| PyValueError::new_err("more doses than can be counted"))?;
        self.0.stocks.insert(StockId(stock_id), stock);
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "named in Python")]
    fn hold(
        &mut self,
        now_ms: i64,
        intent: PyIntent,
        token: u64,
        person: i64,
        window_id: i64,
        channel: String,
        stock_id: i64,
        ttl_ms: u32,
    ) -> &'static str {
        let wish = HoldWish {
            intent: self::intent(intent),
            token,
            person: PersonId(person),
            place: place(window_id, channel, stock_id),
            ttl_ms,
        };
        self.0.hold(Instant(now_ms), &wish).code()
    }

    fn confirm(
        &mut self,
        now_ms: i64,
        intent: PyIntent,
        claim: usize,
        token: u64,
        grace_ms: u32,
    ) -> &'static str {
        let intent = self::intent(intent);
        self.0
            .confirm(Instant(now_ms), &intent, ClaimId(claim), token, grace_ms)
            .code()
    }

    fn release(&mut self, intent: PyIntent, claim: usize, token: u64) -> &'static str {
        self.0
            .release(&self::intent(intent), ClaimId(claim), token)
            .code()
    }

    fn cancel(&mut self, now_ms: i64, intent: PyIntent, claim: usize) -> &'static str {
        self.0
            .cancel(Instant(now_ms), &self::intent(intent), ClaimId(claim))
            .code()
    }

    fn reschedule(
        &mut self,
        now_ms: i64,
        intent: PyIntent,
        claim: usize,
        window_id: i64,
        channel: String,
        stock_id: i64,
    ) -> &'static str {
        let to = place(window_id, channel, stock_id);
        let intent = self::intent(intent);
        self.0
            .reschedule(Instant(now_ms), &intent, ClaimId(claim), &to)
            .code()
    }

    fn expire_due(&mut self, now_ms: i64, grace_ms: u32) -> usize {
        self.0.expire_due(Instant(now_ms), grace_ms).len()
    }

    fn set_capacity(&mut self, window_id: i64, wanted: u32) -> Option<(u32, u32)> {
        told(self.0.set_capacity(WindowId(window_id), wanted))
    }

    fn set_quota(&mut self, window_id: i64, channel: &str, wanted: u32) -> Option<(u32, u32)> {
        told(self.0.set_quota(WindowId(window_id), channel, wanted))
    }

    fn set_vials(&mut self, stock_id: i64, wanted: u32) -> Option<(u32, u32)> {
        told(self.0.set_vials(StockId(stock_id), wanted))
    }

    fn close(&mut self, session_id: i64) {
        self.0.close(SessionId(session_id));
    }

    /// Each counter by its field name, as in the cache: (limit, held, booked).
    fn counters(&self) -> Vec<(String, u32, u32, u32)> {
        let row = |field: String, counter: &Counter| {
            (field, counter.limit(), counter.held(), counter.booked())
        };
        let windows = self.0.windows.iter();
        let quotas = self.0.quotas.iter();
        let stocks = self.0.stocks.iter();
        windows
            .map(|(id, window)| row(format!("w:{}", id.0), &window.places))
            .chain(
                quotas.map(|((id, channel), quota)| {
                    row(format!("q:{}:{channel}", id.0), &quota.share)
                }),
            )
            .chain(stocks.map(|(id, stock)| row(format!("v:{}", id.0), stock.doses())))
            .collect()
    }
}
