//! The only place that spells a key or a field.
//!
//! Per clinic session, under one hash tag so that one function may touch both:
//! * `hm:{<session>}:state`, a HASH: `about` (a word to whoever looks), `gen`, `st`, the counters `w:<window>`, `q:<window>:<channel>`, `v:<stock>`, and for
//!   every live permit `p:<permit>` with the names of the three counters that it occupies. The permit lives in the same
//!   hash as the counters so that one HMGET brings everything that a decision needs, duplicates included.
//! * `hm:{<session>}:permits`, a ZSET: the same `p:<permit>` scored by its expiry in milliseconds, for the sweep.
//!
//! Per kind of caller and bucket, so that a cluster spreads callers:
//! * `hm:{limit:<kind>:<bucket>}:callers`, a ZSET: callers by opaque name, scored by their instant in microseconds.
//!
//! Per waitlist, under one hash tag:
//! * `hm:{l<list>}:list`, a HASH: `gen` of the copy that is shown; `next_gen` and `taken` of an import under way.
//! * `hm:{l<list>}:ranks` and `hm:{l<list>}:next`, ZSETs: entries by score (booking-core, `waitlist.rs`), shown and coming.
//! * `hm:{l<list>}:left`, a SET: entries that have left, so that nothing late brings them back.

use crate::error::CacheError;

/// Field that holds the generation of a state.
pub const GENERATION: &str = "gen";
/// Field that holds `open` or `closed`.
pub const STATUS: &str = "st";

/// Field that tells a person who looks what the state is; means nothing to the functions.
pub const ABOUT: &str = "about";

/// Key of the state hash of a clinic session.
pub fn state(session_id: i64) -> String {
    format!("hm:{{{session_id}}}:state")
}

/// Key of the permit set of a clinic session.
pub fn permits(session_id: i64) -> String {
    format!("hm:{{{session_id}}}:permits")
}

/// The keys of a waitlist, as its functions take them: list, ranks, next, left.
pub fn waitlist(list_id: i64) -> [String; 4] {
    ["list", "ranks", "next", "left"].map(|part| format!("hm:{{l{list_id}}}:{part}"))
}

/// Field of a permit, in the state hash and in the permit set.
pub fn permit(id: &str) -> String {
    format!("p:{id}")
}

/// Permit id of a permit field, if it is one.
pub fn permit_id(field: &str) -> Option<&str> {
    field.strip_prefix("p:")
}

/// Whose pace is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CallerKind {
    /// An account.
    Account,
    /// A login session, that is a device.
    Device,
    /// An address, or a /64.
    Address,
}

/// Name of a caller: opaque, and evenly spread in its last byte.
pub type CallerName = [u8; 16];

/// Buckets of each kind of caller.
const BUCKETS: u8 = 16;

/// The bucket of a caller.
pub const fn bucket(name: &CallerName) -> u8 {
    name[15] % BUCKETS
}

/// Key of a bucket's callers.
pub fn callers(kind: CallerKind, bucket: u8) -> String {
    let kind = match kind {
        CallerKind::Account => "account",
        CallerKind::Device => "device",
        CallerKind::Address => "address",
    };
    format!("hm:{{limit:{kind}:{bucket}}}:callers")
}

/// A counter of a clinic session's state.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Counter {
    /// Places of a window.
    Window {
        /// The window.
        window_id: i64,
    },
    /// A channel's share of a window.
    Quota {
        /// The window.
        window_id: i64,
        /// The channel's code, such as `h5`.
        channel: String,
    },
    /// Doses of one product.
    Stock {
        /// The stock.
        stock_id: i64,
    },
}

impl Counter {
    /// The field's name in the state hash.
    pub fn field(&self) -> String {
        match self {
            Self::Window { window_id } => window(*window_id),
            Self::Quota { window_id, channel } => quota(*window_id, channel),
            Self::Stock { stock_id } => stock(*stock_id),
        }
    }

    /// Reads a field's name.
    ///
    /// # Errors
    /// [`CacheError::BadField`] when no counter has such a name.
    pub fn parse(field: &str) -> Result<Self, CacheError> {
        let bad = || CacheError::BadField(field.to_owned());
        let (kind, rest) = field.split_once(':').ok_or_else(bad)?;
        match kind {
            "w" => Ok(Self::Window {
                window_id: rest.parse().map_err(|_| bad())?,
            }),
            "v" => Ok(Self::Stock {
                stock_id: rest.parse().map_err(|_| bad())?,
            }),
            "q" => {
                let (window, channel) = rest.split_once(':').ok_or_else(bad)?;
                // A permit names its counters separated by spaces.
                if channel.is_empty() || channel.contains(char::is_whitespace) {
                    return Err(bad());
                }
                Ok(Self::Quota {
                    window_id: window.parse().map_err(|_| bad())?,
                    channel: channel.to_owned(),
                })
            }
            _ => Err(bad()),
        }
    }
}

/// Field of a window's places.
pub fn window(window_id: i64) -> String {
    format!("w:{window_id}")
}

/// Field of a channel's share of a window.
pub fn quota(window_id: i64, channel: &str) -> String {
    format!("q:{window_id}:{channel}")
}

/// Field of a product's doses.
pub fn stock(stock_id: i64) -> String {
    format!("v:{stock_id}")
}

#[cfg(test)]
mod tests {
    use redis::cluster_routing::Slot;

    use super::{Counter, permit, permit_id, permits, state, waitlist};

    #[test]
    fn a_counter_is_read_as_it_is_spelled() {
        for field in ["w:7", "q:7:h5", "v:12"] {
            assert_eq!(
                Counter::parse(field).map(|counter| counter.field()),
                Ok(field.to_owned())
            );
        }
        for field in [
            "", "w", "w:", "w:x", "q:7", "q:7:", "q:7:h 5", "p:7", "gen", "v:1.5",
        ] {
            assert!(Counter::parse(field).is_err(), "{field}");
        }
    }

    #[test]
    fn both_keys_of_a_session_share_a_slot() {
        for session_id in [1, 77, i64::MAX] {
            assert_eq!(
                Slot::for_key(state(session_id)),
                Slot::for_key(permits(session_id))
            );
        }
    }

    #[test]
    fn all_keys_of_a_waitlist_share_a_slot_and_none_is_a_sessions() {
        for list_id in [1, 77, i64::MAX] {
            let keys = waitlist(list_id);
            assert!(
                keys.iter()
                    .all(|key| Slot::for_key(key) == Slot::for_key(&keys[0]))
            );
            assert!(!keys.contains(&state(list_id)) && !keys.contains(&permits(list_id)));
        }
    }

    #[test]
    fn a_permit_field_gives_back_its_id() {
        assert_eq!(permit_id(&permit("a:b c")), Some("a:b c"));
        assert_eq!(permit_id("w:1"), None);
    }
}
