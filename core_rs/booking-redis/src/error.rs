//! What can go wrong between us and the cache.

use thiserror::Error;

/// Why a call to the cache gave no answer. None of these ever changes what is promised: the ledger decides.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CacheError {
    /// The address cannot be understood; nothing was tried.
    #[error("cache address not understood: {0}")]
    BadEndpoint(String),
    /// No server answered in time, or it refuses to serve just now.
    #[error("cache unavailable: {0}")]
    Unavailable(String),
    /// The server answered something that the function contract does not know.
    #[error("cache answered outside its contract: {0}")]
    UnexpectedReply(String),
    /// A field name that no counter can have.
    #[error("not a counter field: {0}")]
    BadField(String),
    /// A place on a waitlist that cannot be scored.
    #[error("not a place on a waitlist: {0}")]
    BadStanding(String),
}

impl From<redis::RedisError> for CacheError {
    fn from(error: redis::RedisError) -> Self {
        Self::Unavailable(error.to_string())
    }
}
