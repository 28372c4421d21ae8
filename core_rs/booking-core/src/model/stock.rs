//! The vaccine stock of a clinic session: a counter of doses whose limit is always whole vials.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use crate::ids::SessionId;
use crate::quota::{Counter, Edited};
use crate::time::Instant;
use crate::vial::VialStock;

/// The stock of one product.
#[derive(Debug, Clone)]
pub struct Stock {
    /// The clinic session it belongs to.
    pub session: SessionId,
    /// The vaccine; a reservation is never moved to another one.
    pub vaccine: String,
    /// What the vaccine counts as, for P3.
    pub series: BTreeSet<String>,
    /// From when on no vial is begun.
    pub no_new_vial_from: Option<Instant>,
    vial_size: NonZeroU32,
    pub(super) doses: Counter,
}

impl Stock {
    /// Vials that nobody has taken a dose of; none when their doses are too many to count.
    pub fn new(
        session: SessionId,
        vaccine: String,
        series: BTreeSet<String>,
        (vials, vial_size): (u32, NonZeroU32),
        no_new_vial_from: Option<Instant>,
    ) -> Option<Self> {
        let doses = Counter::new(VialStock::new(vials, vial_size, 0)?.doses());
        Some(Self {
            session,
            vaccine,
            series,
            no_new_vial_from,
            vial_size,
            doses,
        })
    }

    /// Its doses; the limit is whole vials.
    pub const fn doses(&self) -> &Counter {
        &self.doses
    }

    /// Its vials.
    pub fn vials(&self) -> VialStock {
        VialStock::counted(&self.doses, self.vial_size)
    }

    /// Doses that may be taken at `now`: all that are free, or after the seal the rest of the begun vial.
    pub fn bookable(&self, now: Instant) -> u32 {
        let sealed = self.no_new_vial_from.is_some_and(|from| now >= from);
        self.vials().bookable(sealed)
    }

    /// Set the number of vials, never below those that claims have begun.
    pub(super) fn edit(&mut self, wanted_vials: u32) -> Edited {
        let mut vials = self.vials();
        let edited = vials.edit(wanted_vials);
        self.doses.edit(vials.doses());
        edited
    }
}
