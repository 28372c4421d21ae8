//! Who comes before whom on a waitlist, and why; who is offered the next dose (P4).
//!
//! A place is a [`Standing`]: tier first, then the turn within it, by arrival (the ledger's sequence) or by a draw. It
//! is given once and never changes, so an order once told stays: who joins later, or leaves, moves nobody past anybody.

use std::collections::BTreeMap;

/// How early a group is served; lower first. Which groups there are is a rule of the campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tier(pub u8);

/// The turn within a tier. Who took part in a draw comes before who joined after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Turn {
    /// By a draw: place in its result, from 1.
    Drawn {
        /// Place in the whole result.
        position: u32,
    },
    /// By arrival: the ledger's sequence, which rises with every entry.
    Arrived {
        /// The ledger's number.
        sequence: u64,
    },
}

/// A place on a waitlist: the order of these values is the order of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Standing {
    /// Compared first.
    pub tier: Tier,
    /// Compared within a tier.
    pub turn: Turn,
}

/// Why one entry comes before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Its tier is served earlier.
    EarlierTier {
        /// Tier of the earlier one.
        earlier: Tier,
        /// Tier of the later one.
        later: Tier,
    },
    /// Same tier; the draw placed it earlier.
    EarlierInDraw {
        /// Place of the earlier one.
        earlier: u32,
        /// Place of the later one.
        later: u32,
    },
    /// Same tier; it took part in the draw, the other joined after it.
    JoinedAfterDraw,
    /// Same tier; it arrived earlier.
    EarlierArrival {
        /// Number of the earlier one.
        earlier: u64,
        /// Number of the later one.
        later: u64,
    },
}

impl Reason {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::EarlierTier { .. } => "earlier_tier",
            Self::EarlierInDraw { .. } => "earlier_in_draw",
            Self::JoinedAfterDraw => "joined_after_draw",
            Self::EarlierArrival { .. } => "earlier_arrival",
        }
    }
}

/// Room for the turn in a score; tier and turn together stay below 2^53, where a double still counts one by one.
const TURN_BITS: u32 = 44;
/// Arrivals count from here, behind every draw.
const ARRIVALS_FROM: u64 = 1 << 43;

impl Standing {
    /// Why this entry comes before the other; none where it does not.
    pub fn before(self, other: Self) -> Option<Reason> {
        if self.tier != other.tier {
            return (self.tier < other.tier).then_some(Reason::EarlierTier {
                earlier: self.tier,
                later: other.tier,
            });
        }
        match (self.turn, other.turn) {
            (Turn::Drawn { position: earlier }, Turn::Drawn { position: later }) => {
                (earlier < later).then_some(Reason::EarlierInDraw { earlier, later })
            }
            (Turn::Drawn { .. }, Turn::Arrived { .. }) => Some(Reason::JoinedAfterDraw),
            (Turn::Arrived { .. }, Turn::Drawn { .. }) => None,
            (Turn::Arrived { sequence: earlier }, Turn::Arrived { sequence: later }) => {
                (earlier < later).then_some(Reason::EarlierArrival { earlier, later })
            }
        }
    }

    /// The standing as a whole number below 2^53 that orders as standings do (a score of the cache's sorted set).
    /// None for an arrival beyond 2^43, which no ledger reaches.
    pub fn score(self) -> Option<u64> {
        let turn = match self.turn {
            Turn::Drawn { position } => u64::from(position),
            Turn::Arrived { sequence } if sequence < ARRIVALS_FROM => ARRIVALS_FROM + sequence,
            Turn::Arrived { .. } => return None,
        };
        Some((u64::from(self.tier.0) << TURN_BITS) + turn)
    }

    /// The standing of a score; none where no standing has it.
    pub fn of_score(score: u64) -> Option<Self> {
        let tier = Tier(u8::try_from(score >> TURN_BITS).ok()?);
        let turn = score & ((1 << TURN_BITS) - 1);
        let turn = match turn.checked_sub(ARRIVALS_FROM) {
            Some(sequence) => Turn::Arrived { sequence },
            None => Turn::Drawn {
                position: u32::try_from(turn).ok()?,
            },
        };
        Some(Self { tier, turn })
    }
}

impl Tier {
    /// The smallest score of the tier: everything below it belongs to earlier tiers.
    pub fn first_score(self) -> u64 {
        u64::from(self.0) << TURN_BITS
    }
}

/// Entries by arrival: places in the given columns, first first. Of two with the same tier and number the one that is
/// given first comes first; the ledger's numbers are unique.
pub fn order_of_arrivals(tiers: &[u8], sequences: &[u64]) -> Vec<u32> {
    let mut keyed: Vec<u128> = tiers
        .iter()
        .zip(sequences)
        .zip(0_u32..)
        .map(|((tier, sequence), index)| {
            (u128::from(*tier) << 96) | (u128::from(*sequence) << 32) | u128::from(index)
        })
        .collect();
    keyed.sort_unstable();
    keyed
        .into_iter()
        .map(|key| {
            let [.., a, b, c, d] = key.to_be_bytes();
            u32::from_be_bytes([a, b, c, d])
        })
        .collect()
}

/// Who waits, who has an offer. The specification of the waitlist: the ledger's statements do what is written here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waitlist {
    waiting: BTreeMap<Standing, u64>,
    offered: BTreeMap<u64, Standing>,
    standings: BTreeMap<u64, Standing>,
}

/// A place as its owner is told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rank {
    /// How many wait before this entry.
    pub ahead: usize,
    /// How many of those are in earlier tiers.
    pub ahead_in_earlier_tiers: usize,
    /// How many wait in all.
    pub waiting: usize,
}

impl Waitlist {
    /// An entry joins; false, and nothing changed, when the entry or its standing has been there before.
    pub fn join(&mut self, entry: u64, standing: Standing) -> bool {
        if self.standings.contains_key(&entry)
            || self.standings.values().any(|taken| *taken == standing)
        {
            return false;
        }
        self.standings.insert(entry, standing);
        self.waiting.insert(standing, entry);
        true
    }

    /// Offers to the first that wait, at most `places`; in their order.
    pub fn offer(&mut self, places: usize) -> Vec<u64> {
        let mut offers = Vec::new();
        while offers.len() < places {
            let Some((standing, entry)) = self.waiting.pop_first() else {
                break;
            };
            self.offered.insert(entry, standing);
            offers.push(entry);
        }
        offers
    }

    /// An entry ends: accepted, declined, expired or withdrawn. False where it has ended or never was.
    pub fn end(&mut self, entry: u64) -> bool {
        let Some(standing) = self.standings.get(&entry) else {
            return false;
        };
        self.waiting.remove(standing).is_some() || self.offered.remove(&entry).is_some()
    }

    /// The place of an entry; none where it does not wait.
    pub fn rank(&self, entry: u64) -> Option<Rank> {
        let standing = self.standings.get(&entry)?;
        self.waiting.get(standing)?;
        let first_of_tier = Standing {
            tier: standing.tier,
            turn: Turn::Drawn { position: 0 },
        };
        Some(Rank {
            ahead: self.waiting.range(..standing).count(),
            ahead_in_earlier_tiers: self.waiting.range(..first_of_tier).count(),
            waiting: self.waiting.len(),
        })
    }

    /// Those who wait, in order.
    pub fn waiting(&self) -> impl Iterator<Item = (Standing, u64)> + '_ {
        self.waiting
            .iter()
            .map(|(standing, entry)| (*standing, *entry))
    }

    /// Where an entry stands or stood.
    pub fn standing(&self, entry: u64) -> Option<Standing> {
        self.standings.get(&entry).copied()
    }
}
