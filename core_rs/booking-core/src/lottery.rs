//! The verifiable draw (摇号), protocol version 1: whoever has the published file can recompute the order.
//!
//! What a reader can rely on:
//! * The order is decided by the seed and by each entrant's own tier and ticket alone. How the list is sorted, and who
//!   else is in it, moves nobody past anybody.
//! * The seed is SM3 of a secret that was committed to before registration closed and of entropy that became known
//!   after the list of tickets was sealed, so that neither who keeps the secret nor who reads the entropy can choose it.
//! * Every hash is SM3 (GB/T 32905-2016) over fields that begin with their length (four bytes, big-endian); the first
//!   field says what is hashed. So no two lists of fields have the same bytes, and no hash stands for another.
//!
//! `docs/draw.md` tells the protocol to organisers and to entrants.

use std::fmt;

use sm3::{Digest, Sm3};

use crate::waitlist::Tier;

/// Version of the protocol; a change of any byte that is hashed is another version.
pub const VERSION: u8 = 1;
/// Longest ticket, in bytes: with it the key of a ticket is one block of SM3.
pub const TICKET_BYTES_MAX: usize = 40;

/// An SM3 digest.
pub type Hash = [u8; 32];

const COMMITMENT: &[u8] = b"humiao.draw/1/commitment";
const SEED: &[u8] = b"humiao.draw/1/seed";
// With their lengths this word and the seed fill one block of SM3, which is hashed once for all tickets.
const TICKET_KEY: &[u8] = b"humiao.draw/1/ticket-key";
const TICKETS: &[u8] = b"humiao.draw/1/tickets";
const RESULT: &[u8] = b"humiao.draw/1/result";

/// What is announced before registration closes. Texts are hashed byte by byte as they are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms<'a> {
    /// Which campaign.
    pub campaign: &'a str,
    /// When registration closes.
    pub closes_at: &'a str,
    /// Which public value will be the entropy, so that nobody can choose among several afterwards.
    pub entropy_rule: &'a str,
}

/// Who takes part: a tier and an opaque ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entrant<'a> {
    /// Lower tiers come first, whatever the draw says.
    pub tier: Tier,
    /// Letters, digits and hyphens; names nobody.
    pub ticket: &'a [u8],
}

/// Entrants that cannot be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntrantsError {
    /// There are not as many tiers as tickets.
    Uneven {
        /// How many tiers.
        tiers: usize,
        /// How many tickets.
        tickets: usize,
    },
    /// A ticket is empty, too long, or has other characters.
    BadTicket {
        /// Its place in the list, from 0.
        index: usize,
    },
    /// Two entrants have the same ticket.
    Twice {
        /// The place of one of them in the list, from 0.
        index: usize,
    },
    /// More than can be counted in 32 bits.
    TooMany,
}

impl fmt::Display for EntrantsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uneven { tiers, tickets } => {
                write!(formatter, "{tiers} tiers for {tickets} tickets")
            }
            Self::BadTicket { index } => write!(
                formatter,
                "ticket {index} must be 1 to {TICKET_BYTES_MAX} letters, digits or hyphens"
            ),
            Self::Twice { index } => write!(formatter, "ticket {index} is in the list twice"),
            Self::TooMany => write!(formatter, "more entrants than 32 bits can count"),
        }
    }
}

impl std::error::Error for EntrantsError {}

/// Everybody who takes part, each ticket once.
#[derive(Debug, Clone)]
pub struct Entrants<'a> {
    all: Vec<Entrant<'a>>,
}

impl<'a> Entrants<'a> {
    /// Checks a list of entrants.
    ///
    /// # Errors
    /// [`EntrantsError`] names the first ticket that cannot take part.
    pub fn new(all: Vec<Entrant<'a>>) -> Result<Self, EntrantsError> {
        if u32::try_from(all.len()).is_err() {
            return Err(EntrantsError::TooMany);
        }
        if let Some(index) = all.iter().position(|entrant| !is_ticket(entrant.ticket)) {
            return Err(EntrantsError::BadTicket { index });
        }
        let entrants = Self { all };
        let sorted = entrants.by_ticket();
        let same = |pair: &[u32]| entrants.at(pair[0]).ticket == entrants.at(pair[1]).ticket;
        match sorted.windows(2).find(|pair| same(pair)) {
            Some(pair) => Err(EntrantsError::Twice {
                index: pair[1] as usize,
            }),
            None => Ok(entrants),
        }
    }

    /// Reads columns: one byte of tier for each, and the tickets, one a line (a last line end may be missing).
    ///
    /// # Errors
    /// [`EntrantsError`] names the first ticket that cannot take part.
    pub fn from_columns(tiers: &[u8], tickets: &'a [u8]) -> Result<Self, EntrantsError> {
        let text = tickets.strip_suffix(b"\n").unwrap_or(tickets);
        let lines: Vec<&[u8]> = if tickets.is_empty() {
            Vec::new()
        } else {
            text.split(|byte| *byte == b'\n').collect()
        };
        if lines.len() != tiers.len() {
            return Err(EntrantsError::Uneven {
                tiers: tiers.len(),
                tickets: lines.len(),
            });
        }
        Self::new(
            tiers
                .iter()
                .zip(lines)
                .map(|(tier, ticket)| Entrant {
                    tier: Tier(*tier),
                    ticket,
                })
                .collect(),
        )
    }

    /// The entrants as they were given.
    pub fn all(&self) -> &[Entrant<'a>] {
        &self.all
    }

    /// Places in the list in the order of the tickets' bytes.
    fn by_ticket(&self) -> Vec<u32> {
        // The first bytes decide nearly always; they are compared as one number.
        let mut keyed: Vec<(u128, u32)> = self
            .all
            .iter()
            .zip(0_u32..)
            .map(|(entrant, index)| (first_bytes(entrant.ticket), index))
            .collect();
        keyed.sort_unstable_by(|one, other| {
            one.0
                .cmp(&other.0)
                .then_with(|| self.at(one.1).ticket.cmp(self.at(other.1).ticket))
        });
        keyed.into_iter().map(|(_, index)| index).collect()
    }

    fn at(&self, index: u32) -> &Entrant<'a> {
        &self.all[index as usize]
    }
}

fn is_ticket(ticket: &[u8]) -> bool {
    (1..=TICKET_BYTES_MAX).contains(&ticket.len())
        && ticket
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

/// The first sixteen bytes as a number, padded with zeros, which no ticket has: compares as the bytes do.
fn first_bytes(ticket: &[u8]) -> u128 {
    let mut first = [0; 16];
    let length = ticket.len().min(16);
    first[..length].copy_from_slice(&ticket[..length]);
    u128::from_be_bytes(first)
}

fn field(hasher: &mut Sm3, bytes: &[u8]) {
    // What is hashed here is short: domain words, texts of an announcement, tickets.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    hasher.update(length.to_be_bytes());
    hasher.update(bytes);
}

fn hash(fields: &[&[u8]]) -> Hash {
    let mut hasher = Sm3::new();
    for bytes in fields {
        field(&mut hasher, bytes);
    }
    hasher.finalize().into()
}

/// What is published before registration closes: says nothing about the secret and fits no other secret or terms.
pub fn commitment(terms: Terms<'_>, secret: &[u8; 32]) -> Hash {
    hash(&[
        COMMITMENT,
        terms.campaign.as_bytes(),
        terms.closes_at.as_bytes(),
        terms.entropy_rule.as_bytes(),
        secret,
    ])
}

/// The seed of the order: the secret that was committed to, the entropy that came later, the campaign.
pub fn seed(secret: &[u8; 32], entropy: &str, campaign: &str) -> Hash {
    hash(&[SEED, secret, entropy.as_bytes(), campaign.as_bytes()])
}

/// Makes the keys of tickets under one seed.
#[derive(Debug, Clone)]
pub struct TicketKeys {
    begun: Sm3,
}

impl TicketKeys {
    /// Under this seed.
    pub fn new(seed: &Hash) -> Self {
        let mut begun = Sm3::new();
        field(&mut begun, TICKET_KEY);
        field(&mut begun, seed);
        Self { begun }
    }

    /// The key of an entrant: within a tier the smaller key comes first.
    pub fn key(&self, entrant: &Entrant<'_>) -> Hash {
        let mut hasher = self.begun.clone();
        field(&mut hasher, &[entrant.tier.0]);
        field(&mut hasher, entrant.ticket);
        hasher.finalize().into()
    }
}

/// The keys of all entrants, as they were given.
pub fn keys(seed: &Hash, entrants: &Entrants<'_>) -> Vec<Hash> {
    let keys = TicketKeys::new(seed);
    entrants
        .all
        .iter()
        .map(|entrant| keys.key(entrant))
        .collect()
}

/// Who comes when: places in the given list, first first. Tier, then key, then (should two keys ever agree) ticket.
pub fn order(seed: &Hash, entrants: &Entrants<'_>) -> Vec<u32> {
    order_by(entrants, &keys(seed, entrants))
}

/// The order that given keys make; [`order`] with keys of one's own, so that ties can be looked at.
pub fn order_by(entrants: &Entrants<'_>, keys: &[Hash]) -> Vec<u32> {
    // Tier and the first twelve bytes of the key in one number; the rest of the key is looked at for a tie.
    let mut keyed: Vec<(u128, u32)> = entrants
        .all
        .iter()
        .zip(keys)
        .zip(0_u32..)
        .map(|((entrant, key), index)| {
            let mut lead = [0; 16];
            lead[3] = entrant.tier.0;
            lead[4..].copy_from_slice(&key[..12]);
            (u128::from_be_bytes(lead), index)
        })
        .collect();
    keyed.sort_unstable_by(|one, other| {
        one.0.cmp(&other.0).then_with(|| {
            let (a, b) = (one.1 as usize, other.1 as usize);
            keys[a]
                .cmp(&keys[b])
                .then_with(|| entrants.all[a].ticket.cmp(entrants.all[b].ticket))
        })
    });
    keyed.into_iter().map(|(_, index)| index).collect()
}

/// Digest of the sealed list, published before the entropy is known: the same however the list is sorted.
pub fn tickets_digest(campaign: &str, entrants: &Entrants<'_>) -> Hash {
    let sorted = entrants.by_ticket();
    digest_of_list(
        &[TICKETS, campaign.as_bytes()],
        sorted.into_iter().map(|index| *entrants.at(index)),
        entrants.all.len(),
    )
}

/// What a result follows from; all of it is in the result's digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Basis<'a> {
    /// Which campaign.
    pub campaign: &'a str,
    /// As it was published before registration closed.
    pub commitment: &'a Hash,
    /// As it was published before the entropy was known.
    pub tickets_digest: &'a Hash,
    /// As it was read from its public source.
    pub entropy: &'a str,
    /// The seed that followed.
    pub seed: &'a Hash,
}

/// Digest of a result: of its basis and of the whole list in the order that was drawn.
pub fn result_digest<'a>(
    basis: Basis<'_>,
    ordered: impl ExactSizeIterator<Item = Entrant<'a>>,
) -> Hash {
    let count = ordered.len();
    digest_of_list(
        &[
            RESULT,
            basis.campaign.as_bytes(),
            basis.commitment,
            basis.tickets_digest,
            basis.entropy.as_bytes(),
            basis.seed,
        ],
        ordered,
        count,
    )
}

fn digest_of_list<'a>(
    head: &[&[u8]],
    list: impl Iterator<Item = Entrant<'a>>,
    count: usize,
) -> Hash {
    let mut hasher = Sm3::new();
    for bytes in head {
        field(&mut hasher, bytes);
    }
    field(&mut hasher, &(count as u64).to_be_bytes());
    for entrant in list {
        field(&mut hasher, &[entrant.tier.0]);
        field(&mut hasher, entrant.ticket);
    }
    hasher.finalize().into()
}
