//! Waiting rooms as this gate knows them: a copy of the record, followed by the tick, and who has polled here.
//!
//! What a reader can rely on:
//! * Nothing here gives a place or lets anybody in. What is said of a ticket follows from the record alone, so gates that
//!   know the same ticks say the same; one that is behind says what was so a moment ago.
//! * A poll touches memory alone. A ticket costs some forty bytes.
//! * Taking the same news twice changes nothing, and news of a tick may come before the places it names.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use booking_core::room::{MilliPerS, Place, Places};
use booking_core::time::Instant;

/// A room without its people.
#[derive(Debug, Clone, Default)]
pub struct Head {
    /// Its number.
    pub room_id: i64,
    /// Whether holds need admission.
    pub is_on: bool,
    /// Whether it is in use at all.
    pub is_open: bool,
    /// Who is there before is numbered by the draw.
    pub opens_at: Instant,
    /// Whether the draw has been held.
    pub is_drawn: bool,
    /// The rate as it is now; 0: nobody is let in.
    pub pace: MilliPerS,
    /// The last tick that moved anybody.
    pub version: u64,
    /// Places that have been given.
    pub places: Place,
    /// Who counts as present.
    pub present: Places,
    /// Sessions that it covers; none: all that no other room covers.
    pub sessions: Option<Vec<i64>>,
}

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It waits.
    Waits,
    /// Let in until then.
    Admitted(Instant),
    /// Used, or left.
    Gone,
}

/// One tick of the record.
#[derive(Debug, Clone, Default)]
pub struct Tick {
    /// Its number.
    pub tick: u64,
    /// Places that were let in.
    pub admitted: Vec<Place>,
    /// Until when.
    pub until: Option<Instant>,
    /// Places that used their admission or left.
    pub gone: Vec<Place>,
}

/// What is known of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Its place is drawn when the room opens.
    Early {
        /// When.
        opens_at: Instant,
    },
    /// It has no place yet, for all that is known here.
    Unnumbered,
    /// It waits.
    Waits {
        /// Its place.
        place: Place,
        /// How many that wait and are present have a lower one.
        ahead: u32,
        /// At which rate they are let in.
        pace: MilliPerS,
    },
    /// Let in.
    Admitted {
        /// Its place.
        place: Place,
        /// Until when.
        until: Instant,
    },
    /// Used, left, or let in too long ago.
    Gone,
    /// Not on record here: the application has to be asked.
    Unknown,
}

/// What a room says of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// Of the ticket.
    pub known: Known,
    /// By which tick.
    pub version: u64,
}

/// Whether a session's holds need admission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Covering {
    /// The room they go through.
    pub room_id: i64,
    /// Whether it is on.
    pub is_on: bool,
}

#[derive(Default)]
struct Room {
    head: Head,
    by_ticket: HashMap<u128, Place>,
    last_place: Place,
    last_tick: u64,
    waiting: Places,
    /// Those who wait and are present.
    counted: Places,
    admitted: HashMap<Place, Instant>,
    /// Places that polled here since the last report.
    seen: Mutex<Places>,
    /// Holds asked for here since then.
    asked: AtomicU32,
}

impl Room {
    fn settle(&mut self, place: Place, standing: Standing) {
        match standing {
            Standing::Waits => {
                self.waiting.insert(place);
            }
            Standing::Admitted(until) => {
                self.waiting.remove(place);
                self.admitted.insert(place, until);
            }
            Standing::Gone => {
                self.waiting.remove(place);
                self.admitted.remove(&place);
            }
        }
    }

    fn count(&mut self) {
        self.counted = self.waiting.both(&self.head.present);
    }

    fn told(&self, ticket: [u8; 16], now: Instant) -> Known {
        let Some(place) = self.by_ticket.get(&u128::from_be_bytes(ticket)).copied() else {
            return if !self.head.is_drawn && now < self.head.opens_at {
                Known::Early {
                    opens_at: self.head.opens_at,
                }
            } else if !self.head.is_drawn || self.last_place < self.head.places {
                Known::Unnumbered
            } else {
                Known::Unknown
            };
        };
        if self.waiting.contains(place) {
            return Known::Waits {
                place,
                ahead: self.counted.before(place),
                pace: self.head.pace,
            };
        }
        match self.admitted.get(&place) {
            Some(until) if now < *until => Known::Admitted {
                place,
                until: *until,
            },
            _ => Known::Gone,
        }
    }
}

#[derive(Default)]
struct All {
    rooms: HashMap<i64, Room>,
    by_session: HashMap<i64, i64>,
    everywhere: Option<i64>,
}

/// All rooms of a gate.
#[derive(Default)]
pub struct Rooms {
    all: RwLock<All>,
}

impl Rooms {
    fn read(&self) -> RwLockReadGuard<'_, All> {
        self.all.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, All> {
        self.all.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rooms that are not closed; the others are forgotten.
    pub fn take_heads(&self, heads: Vec<Head>) {
        let mut all = self.write();
        all.by_session.clear();
        all.everywhere = None;
        let mut before = std::mem::take(&mut all.rooms);
        for head in heads {
            // What happened up to the tick of a room's first news is in the places that are asked for after it.
            let mut room = before.remove(&head.room_id).unwrap_or_else(|| Room {
                last_tick: head.version,
                ..Room::default()
            });
            match &head.sessions {
                Some(sessions) => {
                    let covered = sessions
                        .iter()
                        .map(|session_id| (*session_id, head.room_id));
                    all.by_session.extend(covered);
                }
                None => all.everywhere = Some(head.room_id),
            }
            room.head = head;
            room.count();
            all.rooms.insert(room.head.room_id, room);
        }
    }

    /// (last place, last tick) that is known of a room.
    pub fn known(&self, room_id: i64) -> (Place, u64) {
        let all = self.read();
        all.rooms
            .get(&room_id)
            .map_or((0, 0), |room| (room.last_place, room.last_tick))
    }

    /// Places, from lower to higher.
    pub fn take_places(
        &self,
        room_id: i64,
        entries: impl Iterator<Item = (Place, [u8; 16], Standing)>,
    ) {
        let mut all = self.write();
        let Some(room) = all.rooms.get_mut(&room_id) else {
            return;
        };
        for (place, ticket, standing) in entries {
            room.by_ticket.insert(u128::from_be_bytes(ticket), place);
            room.last_place = room.last_place.max(place);
            room.settle(place, standing);
        }
        room.count();
    }

    /// Ticks, from earlier to later.
    pub fn take_ticks(&self, room_id: i64, ticks: impl Iterator<Item = Tick>) {
        let mut all = self.write();
        let Some(room) = all.rooms.get_mut(&room_id) else {
            return;
        };
        for tick in ticks {
            for place in tick.admitted {
                if let Some(until) = tick.until {
                    room.settle(place, Standing::Admitted(until));
                }
            }
            for place in tick.gone {
                room.settle(place, Standing::Gone);
            }
            room.last_tick = room.last_tick.max(tick.tick);
        }
        room.count();
    }

    /// The room that a session's holds go through.
    pub fn covering(&self, session_id: i64) -> Option<Covering> {
        let all = self.read();
        let room_id = all
            .by_session
            .get(&session_id)
            .copied()
            .or(all.everywhere)?;
        let is_on = all.rooms.get(&room_id)?.head.is_on;
        Some(Covering { room_id, is_on })
    }

    /// A hold was asked for in a session.
    pub fn note_asked(&self, session_id: i64) {
        let all = self.read();
        let room_id = all.by_session.get(&session_id).copied().or(all.everywhere);
        if let Some(room) = room_id.and_then(|room_id| all.rooms.get(&room_id)) {
            room.asked.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What is known of a ticket; none where nothing is known of its room, or the application has to explain.
    pub fn look(&self, room_id: i64, ticket: [u8; 16], now: Instant) -> Option<Told> {
        let all = self.read();
        let room = all.rooms.get(&room_id)?;
        // Of a room that nobody has to wait in any more the application tells what to do.
        let in_use = room.head.is_open && (room.head.is_on || !room.head.is_drawn);
        in_use.then(|| Told {
            known: room.told(ticket, now),
            version: room.last_tick,
        })
    }

    /// The same, of somebody who asks where they stand: they count as present.
    pub fn poll(&self, room_id: i64, ticket: [u8; 16], now: Instant) -> Option<Told> {
        let told = self.look(room_id, ticket, now)?;
        if let Known::Waits { place, .. } = told.known
            && let Some(room) = self.read().rooms.get(&room_id)
        {
            let mut seen = room.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.insert(place);
        }
        Some(told)
    }

    /// Takes out what was seen since the last time, of rooms of which anything was: places that polled, holds asked for.
    pub fn take_reports(&self) -> Vec<(i64, Places, u32)> {
        let all = self.read();
        let reports = all.rooms.iter().map(|(room_id, room)| {
            let seen =
                std::mem::take(&mut *room.seen.lock().unwrap_or_else(PoisonError::into_inner));
            (*room_id, seen, room.asked.swap(0, Ordering::Relaxed))
        });
        reports
            .filter(|(_, seen, asked)| *asked > 0 || seen.count() > 0)
            .collect()
    }

    /// Tickets that are known.
    pub fn tickets(&self) -> usize {
        let all = self.read();
        all.rooms.values().map(|room| room.by_ticket.len()).sum()
    }
}
