//! Counters: a limit, and how much of it is held and booked.
//!
//! Promise (P1): `held + booked <= limit`, whatever is called in whatever order. Promise (P6): an edit never goes
//! below what is taken, and says how much it had to keep.

/// One counter: a window's capacity, a channel's quota, or the doses of a stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    limit: u32,
    held: u32,
    booked: u32,
    version: u64,
}

/// What an edit came to: the limit that now holds and how much more it is than was wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edited {
    /// The limit after the edit.
    pub limit: u32,
    /// `limit - wanted`: what could not be taken back because it is held or booked.
    pub kept_back: u32,
}

impl Counter {
    /// A fresh counter: nothing held, nothing booked, version 1.
    pub const fn new(limit: u32) -> Self {
        Self {
            limit,
            held: 0,
            booked: 0,
            version: 1,
        }
    }

    /// How much may be counted at most.
    pub const fn limit(&self) -> u32 {
        self.limit
    }

    /// How much is held.
    pub const fn held(&self) -> u32 {
        self.held
    }

    /// How much is booked.
    pub const fn booked(&self) -> u32 {
        self.booked
    }

    /// Rises with every change; the cache keeps the newer of two copies.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Held and booked together.
    pub const fn taken(&self) -> u32 {
        self.held + self.booked
    }

    /// What can still be held.
    pub const fn free(&self) -> u32 {
        self.limit - self.held - self.booked
    }

    /// Hold one; false, and nothing changed, when nothing is free.
    #[must_use]
    pub const fn hold(&mut self) -> bool {
        if self.free() == 0 {
            return false;
        }
        self.held += 1;
        self.version += 1;
        true
    }

    /// Turn one held into one booked; false when none is held.
    #[must_use]
    pub const fn confirm(&mut self) -> bool {
        if self.held == 0 {
            return false;
        }
        self.held -= 1;
        self.booked += 1;
        self.version += 1;
        true
    }

    /// Give one held back (released or expired); false when none is held.
    #[must_use]
    pub const fn release(&mut self) -> bool {
        if self.held == 0 {
            return false;
        }
        self.held -= 1;
        self.version += 1;
        true
    }

    /// Give one booked back (cancelled); false when none is booked.
    #[must_use]
    pub const fn cancel(&mut self) -> bool {
        if self.booked == 0 {
            return false;
        }
        self.booked -= 1;
        self.version += 1;
        true
    }

    /// Set the limit, never below what is taken.
    pub const fn edit(&mut self, wanted: u32) -> Edited {
        let limit = if wanted > self.taken() {
            wanted
        } else {
            self.taken()
        };
        self.limit = limit;
        self.version += 1;
        Edited {
            limit,
            kept_back: limit - wanted,
        }
    }
}
