//! The function library `humiao_v1`: assembled from `lua/`, versioned by its content.

/// Name under which the library is registered. A changed contract gets new function names; a changed library name would
/// leave the old functions behind.
pub const LIBRARY_NAME: &str = "humiao_v1";

/// Functions of the library, as `FCALL` names them.
pub mod function {
    /// May these requests try at the ledger?
    pub const ADMIT_RUNS: &str = "humiao_admit_runs";
    /// The same, as releases before `ADMIT_RUNS` ask it; nothing here calls it any more.
    pub const ADMIT_MANY: &str = "humiao_admit_many";
    /// The ledger has decided; its counters come home.
    pub const SETTLE_MANY: &str = "humiao_settle_many";
    /// These requests will not try after all.
    pub const RELEASE_MANY: &str = "humiao_release_many";
    /// Copy one clinic session from the ledger.
    pub const LOAD: &str = "humiao_load";
    /// What the cache believes about one clinic session.
    pub const READ: &str = "humiao_read";
    /// An ended clinic session needs no cache.
    pub const FORGET: &str = "humiao_forget";
    /// Gates tell whom they let through; how far ahead is each caller?
    pub const THROTTLE_MANY: &str = "humiao_throttle_many";
    /// A waitlist is about to be copied.
    pub const LIST_BEGIN: &str = "humiao_list_begin";
    /// A part of a waitlist.
    pub const LIST_IMPORT: &str = "humiao_list_import";
    /// A waitlist has been copied.
    pub const LIST_PUBLISH: &str = "humiao_list_publish";
    /// Entries have joined a waitlist, or left it.
    pub const LIST_CHANGE: &str = "humiao_list_change";
    /// How many wait before these entries?
    pub const LIST_RANK: &str = "humiao_list_rank";
    /// A waitlist that is over needs no cache.
    pub const LIST_FORGET: &str = "humiao_list_forget";
    /// Which library is loaded here?
    pub const VERSION: &str = "humiao_version";
}

/// The clock of the production library: the server's own.
const SERVER_CLOCK: &str = include_str!("../lua/shared/now.lua");

/// Helpers in the order in which they build upon each other.
const SHARED: [&str; 11] = [
    include_str!("../lua/shared/in_slices.lua"),
    include_str!("../lua/shared/values_in_order.lua"),
    include_str!("../lua/shared/field_values.lua"),
    include_str!("../lua/shared/counter.lua"),
    include_str!("../lua/shared/drop_permits.lua"),
    include_str!("../lua/shared/lower_live.lua"),
    include_str!("../lua/shared/release.lua"),
    include_str!("../lua/shared/sweep.lua"),
    include_str!("../lua/shared/decide.lua"),
    include_str!("../lua/shared/admit_session.lua"),
    include_str!("../lua/shared/join_where_not_left.lua"),
];

const FUNCTIONS: [&str; 15] = [
    include_str!("../lua/functions/admit_runs.lua"),
    include_str!("../lua/functions/admit_many.lua"),
    include_str!("../lua/functions/settle_many.lua"),
    include_str!("../lua/functions/release_many.lua"),
    include_str!("../lua/functions/load.lua"),
    include_str!("../lua/functions/read.lua"),
    include_str!("../lua/functions/forget.lua"),
    include_str!("../lua/functions/throttle_many.lua"),
    include_str!("../lua/functions/list_begin.lua"),
    include_str!("../lua/functions/list_import.lua"),
    include_str!("../lua/functions/list_publish.lua"),
    include_str!("../lua/functions/list_change.lua"),
    include_str!("../lua/functions/list_rank.lua"),
    include_str!("../lua/functions/list_forget.lua"),
    include_str!("../lua/functions/version.lua"),
];

/// Text of a function library and the version that its content gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    code: String,
    version: String,
}

impl Library {
    /// The library that production loads: time comes from the server alone.
    pub fn production() -> Self {
        Self::with_clock(SERVER_CLOCK)
    }

    /// The same functions around another definition of `local function now(args)`, so that tests can drive the clock.
    pub fn with_clock(now_lua: &str) -> Self {
        let mut body = String::from(now_lua);
        for part in SHARED.iter().chain(&FUNCTIONS) {
            body.push('\n');
            body.push_str(part);
        }
        let version = format!("1-{:016x}", content_hash(body.as_bytes()));
        let code =
            format!("#!lua name={LIBRARY_NAME}\nlocal LIBRARY_VERSION = '{version}'\n{body}");
        Self { code, version }
    }

    /// What `FUNCTION LOAD` takes.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// What `humiao_version` answers where this very text is loaded.
    pub fn version(&self) -> &str {
        &self.version
    }
}

/// FNV-1a, 64 bits: tells texts apart; it keeps nobody out.
fn content_hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::{FUNCTIONS, Library, function};

    #[test]
    fn every_function_is_registered_by_exactly_one_file() {
        let names = [
            function::ADMIT_RUNS,
            function::ADMIT_MANY,
            function::SETTLE_MANY,
            function::RELEASE_MANY,
            function::LOAD,
            function::READ,
            function::FORGET,
            function::THROTTLE_MANY,
            function::LIST_BEGIN,
            function::LIST_IMPORT,
            function::LIST_PUBLISH,
            function::LIST_CHANGE,
            function::LIST_RANK,
            function::LIST_FORGET,
            function::VERSION,
        ];
        for name in names {
            let quoted = format!("'{name}'");
            assert_eq!(
                FUNCTIONS
                    .iter()
                    .filter(|text| text.contains(&quoted))
                    .count(),
                1,
                "{name}"
            );
        }
    }

    #[test]
    fn every_function_file_opens_with_its_contract() {
        for text in FUNCTIONS {
            for heading in ["--[[", "Promise", "Keys", "Arguments", "Reply"] {
                assert!(
                    text.contains(heading),
                    "{heading} missing in {}",
                    &text[..60]
                );
            }
        }
    }

    #[test]
    fn the_version_follows_the_content() {
        let production = Library::production();
        let other = Library::with_clock("local function now(_args) return 0 end");
        assert_ne!(production.version(), other.version());
        assert_eq!(production, Library::production());
        assert!(production.code().contains(production.version()));
    }

    #[test]
    fn production_takes_time_only_from_the_server() {
        assert!(Library::production().code().contains("redis.call('TIME')"));
        assert!(!Library::production().code().contains("args[#args]"));
    }
}
