//! Instants, as arguments: nothing here knows what time it is.

/// Milliseconds since 1970 (UTC).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Instant(pub i64);

impl Instant {
    /// The instant `ms` later; stays at the end of time rather than leave it.
    #[must_use]
    pub const fn plus_ms(self, ms: u32) -> Self {
        Self(self.0.saturating_add(ms as i64))
    }
}
