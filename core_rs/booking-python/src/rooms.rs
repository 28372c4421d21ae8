//! `GateRooms`: what a gate knows of waiting rooms, told by the ledger's side, and what it saw of them.

use std::sync::Arc;

use booking_core::room::{Place, Places};
use booking_core::time::Instant;
use booking_gate::rooms::{Head, Rooms, Standing, Tick};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// `(room_id, is_on, is_open, opens_ms, is_drawn, pace_milli, version, places, present, session_ids or None: all others)`
type PyHead<'py> = (
    i64,
    bool,
    bool,
    i64,
    bool,
    u32,
    u64,
    Place,
    Bound<'py, PyBytes>,
    Option<Vec<i64>>,
);

/// `(tick, admitted, until_ms, gone)`
type PyTick = (u64, Vec<Place>, Option<i64>, Vec<Place>);

/// The waiting rooms of one gate.
#[pyclass(name = "GateRooms", module = "humiao._core", frozen)]
pub struct PyGateRooms {
    pub rooms: Arc<Rooms>,
}

#[pymethods]
impl PyGateRooms {
    /// Rooms that are not closed; those that are not among them are forgotten.
    fn take_heads(&self, heads: Vec<PyHead<'_>>) {
        let heads = heads.into_iter().map(|head| {
            let (
                room_id,
                is_on,
                is_open,
                opens_ms,
                is_drawn,
                pace,
                version,
                places,
                present,
                sessions,
            ) = head;
            Head {
                room_id,
                is_on,
                is_open,
                opens_at: Instant(opens_ms),
                is_drawn,
                pace,
                version,
                places,
                present: Places::from_bytes(present.as_bytes()),
                sessions,
            }
        });
        self.rooms.take_heads(heads.collect());
    }

    /// (last place, last tick) that is known of a room; zeros of one that is not known.
    fn known(&self, room_id: i64) -> (Place, u64) {
        self.rooms.known(room_id)
    }

    /// Places in order, tickets side by side, states: 0 waits, above is let in until then (ms), below is gone.
    fn take_places(
        &self,
        room_id: i64,
        places: Vec<Place>,
        tickets: &[u8],
        states: Vec<i64>,
    ) -> PyResult<()> {
        let tickets: Vec<[u8; 16]> = tickets
            .chunks_exact(16)
            .filter_map(|ticket| ticket.try_into().ok())
            .collect();
        if places.len() != tickets.len() || places.len() != states.len() {
            return Err(PyValueError::new_err(
                "places, tickets and states must be in step",
            ));
        }
        let standing = |state: i64| match state {
            0 => Standing::Waits,
            1.. => Standing::Admitted(Instant(state)),
            _ => Standing::Gone,
        };
        let entries = places
            .into_iter()
            .zip(tickets)
            .zip(states)
            .map(|((place, ticket), state)| (place, ticket, standing(state)));
        self.rooms.take_places(room_id, entries);
        Ok(())
    }

    /// Ticks in order.
    fn take_ticks(&self, room_id: i64, ticks: Vec<PyTick>) {
        let ticks = ticks
            .into_iter()
            .map(|(tick, admitted, until_ms, gone)| Tick {
                tick,
                admitted,
                until: until_ms.map(Instant),
                gone,
            });
        self.rooms.take_ticks(room_id, ticks);
    }

    /// What was seen since the last time: `(room_id, places that polled, holds asked for)`, of rooms of which anything was.
    fn take_reports<'py>(&self, py: Python<'py>) -> Vec<(i64, Bound<'py, PyBytes>, u32)> {
        self.rooms
            .take_reports()
            .into_iter()
            .map(|(room_id, seen, asked)| (room_id, PyBytes::new(py, &seen.to_bytes()), asked))
            .collect()
    }

    /// Tickets that are known of all rooms.
    fn __len__(&self) -> usize {
        self.rooms.tickets()
    }
}
