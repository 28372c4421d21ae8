//! The whole-vial rule: stock comes in vials of one or more doses, doses fill vials in order.
//!
//! Begun vials = ceil(taken / size). From the seal instant on, a vial that nobody has begun stays closed, so that none
//! is opened for a straggler and thrown away half full.

use std::num::NonZeroU32;

use crate::quota::{Counter, Edited};

/// Whole vials of one product and the doses taken from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VialStock {
    vials: u32,
    size: NonZeroU32,
    taken: u32,
}

impl VialStock {
    /// `vials` of `size` doses with `taken` doses claimed; none when more is taken than there is, or the product overflows.
    pub const fn new(vials: u32, size: NonZeroU32, taken: u32) -> Option<Self> {
        match vials.checked_mul(size.get()) {
            Some(doses) if taken <= doses => Some(Self { vials, size, taken }),
            _ => None,
        }
    }

    /// The whole vials that a counter of doses stands for.
    pub(crate) fn counted(doses: &Counter, size: NonZeroU32) -> Self {
        Self {
            vials: doses.limit() / size,
            size,
            taken: doses.taken(),
        }
    }

    /// How many vials there are.
    pub const fn vials(&self) -> u32 {
        self.vials
    }

    /// Doses in a vial.
    pub const fn size(&self) -> NonZeroU32 {
        self.size
    }

    /// Doses in all vials together.
    pub const fn doses(&self) -> u32 {
        self.vials * self.size.get()
    }

    /// Vials that a claim has begun.
    pub const fn begun(&self) -> u32 {
        self.taken.div_ceil(self.size.get())
    }

    /// Doses left in the vial that is begun and not full.
    pub const fn rest_of_begun(&self) -> u32 {
        (self.size.get() - self.taken % self.size.get()) % self.size.get()
    }

    /// Doses that may be claimed now: all that are left, or after the seal only the rest of the begun vial.
    pub const fn bookable(&self, sealed: bool) -> u32 {
        if sealed {
            self.rest_of_begun()
        } else {
            self.doses() - self.taken
        }
    }

    /// Set the number of vials: never below those begun, never more than doses can be counted in.
    pub fn edit(&mut self, wanted_vials: u32) -> Edited {
        self.vials = wanted_vials.min(u32::MAX / self.size).max(self.begun());
        Edited {
            limit: self.vials,
            kept_back: self.vials.saturating_sub(wanted_vials),
        }
    }
}
