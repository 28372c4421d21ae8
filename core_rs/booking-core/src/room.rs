//! The waiting room (排队大厅): who comes when, how many at a time, how long it takes.
//!
//! What a reader can rely on:
//! * Everybody has one place, a number that is given once. Those who were there before the room opened are numbered by the
//!   draw ([`crate::lottery`], the published seed and their opaque tickets), later ones in order of arrival.
//! * Of those who wait and are present the lowest places are let in ([`next`]): nobody present is passed over, and who has
//!   gone away holds up nobody. Who comes back has the same place as before, and so comes next.
//! * How many are let in is earned by time at the operator's rate ([`Credit`]), slower while the ledger is slow ([`slowed`]).
//! * People ahead, minutes and the next time to ask follow from the same numbers, at every gate alike.

/// A place in the order: 1 is the first.
pub type Place = u32;

/// Thousandths of a person a second.
pub type MilliPerS = u32;

/// Time that is saved up at most while nobody is let in (ms): a keeper that was away lets no crowd in at once.
pub const SAVED_MS_MAX: u64 = 2_000;
/// Who asks again sooner is not answered better (ms).
pub const POLL_MS_MIN: u64 = 2_000;
/// Everybody asks at least so often, and counts as present until long after (ms).
pub const POLL_MS_MAX: u64 = 20_000;
/// Of a rate that is slowed for the ledger this part stays at least: one in so many.
const SLOWED_TO: u64 = 20;
/// Words of 64 places whose count is kept.
const BLOCK: usize = 16;

/// A set of places. As bytes: the lowest bit of the first byte is place 1, as `get_bit` of the database counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    words: Vec<u64>,
    /// Of each block of words: places in it.
    blocks: Vec<u32>,
}

const fn home(place: Place) -> Option<(usize, u64)> {
    match place.checked_sub(1) {
        Some(bit) => Some(((bit / 64) as usize, 1 << (bit % 64))),
        None => None,
    }
}

impl Places {
    /// Puts a place in; true where it was not there. There is no place 0.
    pub fn insert(&mut self, place: Place) -> bool {
        let Some((word, bit)) = home(place) else {
            return false;
        };
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
            self.blocks.resize(word / BLOCK + 1, 0);
        }
        let new = self.words[word] & bit == 0;
        if new {
            self.words[word] |= bit;
            self.blocks[word / BLOCK] += 1;
        }
        new
    }

    /// Takes a place out; true where it was there.
    pub fn remove(&mut self, place: Place) -> bool {
        let there = self.contains(place);
        if let (true, Some((word, bit))) = (there, home(place)) {
            self.words[word] &= !bit;
            self.blocks[word / BLOCK] -= 1;
        }
        there
    }

    /// Whether a place is in it.
    pub fn contains(&self, place: Place) -> bool {
        home(place)
            .is_some_and(|(word, bit)| self.words.get(word).is_some_and(|all| all & bit != 0))
    }

    /// How many.
    pub fn count(&self) -> u32 {
        self.blocks.iter().sum()
    }

    /// How many are lower than `place`: counted by blocks, so that among a million some thousand steps are the most.
    pub fn before(&self, place: Place) -> u32 {
        let Some((word, bit)) = home(place) else {
            return 0;
        };
        let block = word / BLOCK;
        let whole: u32 = self.blocks.iter().take(block).sum();
        let begun: u32 = self
            .words
            .iter()
            .take(word)
            .skip(block * BLOCK)
            .map(|word| word.count_ones())
            .sum();
        let own = self
            .words
            .get(word)
            .map_or(0, |all| (all & (bit - 1)).count_ones());
        whole + begun + own
    }

    /// Places from the lowest to the highest.
    pub fn iter(&self) -> impl Iterator<Item = Place> {
        (0_u32..).zip(&self.words).flat_map(|(word, bits)| {
            let mut left = *bits;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros())?;
                left &= left - 1;
                Some(word * 64 + bit + 1)
            })
        })
    }

    /// Those that are in both.
    #[must_use]
    pub fn both(&self, other: &Self) -> Self {
        Self::of_words(
            self.words
                .iter()
                .zip(&other.words)
                .map(|(one, other)| one & other)
                .collect(),
        )
    }

    fn of_words(words: Vec<u64>) -> Self {
        let blocks = words
            .chunks(BLOCK)
            .map(|block| block.iter().map(|word| word.count_ones()).sum())
            .collect();
        Self { words, blocks }
    }

    /// Reads bytes.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let word = |part: &[u8]| {
            let mut whole = [0; 8];
            whole[..part.len()].copy_from_slice(part);
            u64::from_le_bytes(whole)
        };
        Self::of_words(bytes.chunks(8).map(word).collect())
    }

    /// As bytes, without empty ones at the end.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self
            .words
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect();
        let used = bytes.iter().rposition(|byte| *byte != 0);
        bytes.truncate(used.map_or(0, |last| last + 1));
        bytes
    }
}

impl FromIterator<Place> for Places {
    fn from_iter<I: IntoIterator<Item = Place>>(places: I) -> Self {
        let mut all = Self::default();
        for place in places {
            all.insert(place);
        }
        all
    }
}

/// Who is let in next: of those who wait and are present the lowest places, at most so many.
pub fn next(waiting: &Places, present: &Places, at_most: u32) -> Vec<Place> {
    let there = waiting.both(present);
    there.iter().take(at_most as usize).collect()
}

/// What has been earned and not been spent, in millionths of a person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Credit(pub u64);

const ONE: u64 = 1_000_000;

impl Credit {
    /// With what was earned in `elapsed_ms`. Saved up is what [`SAVED_MS_MAX`] earns, or one person.
    #[must_use]
    pub fn earn(self, elapsed_ms: u64, rate: MilliPerS) -> Self {
        let rate = u64::from(rate);
        let bound = (rate * SAVED_MS_MAX).max(ONE);
        Self(
            self.0
                .saturating_add(elapsed_ms.saturating_mul(rate))
                .min(bound),
        )
    }

    /// How many may be let in for it.
    pub fn people(self) -> u32 {
        u32::try_from(self.0 / ONE).unwrap_or(u32::MAX)
    }

    /// What is left after so many were let in.
    #[must_use]
    pub fn spend(self, people: u32) -> Self {
        Self(self.0.saturating_sub(u64::from(people) * ONE))
    }
}

/// The rate while a batch takes the ledger `ledger_ms`, of which `limit_ms` are usual: in proportion, never above the
/// operator's, and never a standstill that the operator has not asked for.
pub fn slowed(rate: MilliPerS, ledger_ms: u32, limit_ms: u32) -> MilliPerS {
    if ledger_ms <= limit_ms || rate == 0 {
        return rate;
    }
    let whole = u64::from(rate);
    let part = whole * u64::from(limit_ms) / u64::from(ledger_ms);
    let least = (whole / SLOWED_TO).max(1);
    u32::try_from(part.max(least)).unwrap_or(rate)
}

/// Minutes until somebody is let in who has so many ahead, rounded up; none while nobody is let in.
pub fn minutes(ahead: u32, rate: MilliPerS) -> Option<u32> {
    let per_minute = u64::from(rate) * 60;
    let minutes = (u64::from(ahead) + 1)
        .saturating_mul(1000)
        .checked_div(per_minute)?;
    u32::try_from(minutes + 1).ok()
}

/// When to ask again (ms from now): a quarter of what is left to wait, between [`POLL_MS_MIN`] and [`POLL_MS_MAX`], and up
/// to a quarter more of that by `spread`, so that those who came together do not ask together.
pub fn next_poll_ms(ahead: u32, rate: MilliPerS, spread: u8) -> u64 {
    let left_ms = (u64::from(ahead) * ONE).checked_div(u64::from(rate));
    let wait_ms = left_ms.map_or(POLL_MS_MAX, |left| {
        (left / 4).clamp(POLL_MS_MIN, POLL_MS_MAX)
    });
    wait_ms + wait_ms / 4 * u64::from(spread) / 256
}
