//! The body of a hold, as the application's schema has it. What is not exactly that is left to the application to explain.

use ring::digest;
use serde::Deserialize;
use uuid::Uuid;

use crate::token::parse_uuid;

/// Longest body of a hold; a longer one is none.
pub const BODY_BYTES_MAX: usize = 1024;

/// What is wished for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// Who is to be vaccinated.
    pub person: Uuid,
    /// The window.
    pub window_id: i64,
    /// The stock.
    pub stock_id: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members<'a> {
    #[serde(rename = "person_id")]
    person: &'a str,
    #[serde(rename = "window_id")]
    window: i64,
    #[serde(rename = "stock_id")]
    stock: i64,
}

impl Wish {
    /// Reads a body; none where the application would refuse it, or might read it differently.
    pub fn read(body: &[u8]) -> Option<Self> {
        let members: Members = serde_json::from_slice(body).ok()?;
        let known = members.window >= 1 && members.stock >= 1;
        let person = known
            .then(|| parse_uuid(members.person.as_bytes()))
            .flatten()?;
        Some(Self {
            person,
            window_id: members.window,
            stock_id: members.stock,
        })
    }

    /// SHA-256 of the operation and the canonical body, as `humiao.kit.web.body_hash` makes it.
    pub fn body_hash(&self) -> [u8; 32] {
        let text = format!(
            "hold\0{{\"person_id\":\"{}\",\"stock_id\":{},\"window_id\":{}}}",
            self.person, self.stock_id, self.window_id
        );
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
        hash
    }

    /// Names the try in the cache: one person's for one stock.
    pub fn permit(&self) -> String {
        permit(self.person, self.stock_id)
    }
}

/// The name of a person's try for one stock in the cache.
pub fn permit(person: Uuid, stock_id: i64) -> String {
    format!("{}:{stock_id}", person.simple())
}

/// Whether a key is one: 8 to 64 letters, digits, `-` or `_`.
pub fn is_key(key: &[u8]) -> bool {
    (8..=64).contains(&key.len())
        && key
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
