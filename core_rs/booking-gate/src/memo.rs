//! What verified tokens say, by their signatures: who asks again within seconds is not taken apart again.
//!
//! Only a signature that has been verified names an entry, so nobody chooses where entries lie, and equal signatures mean
//! equal messages. What may change with time, the expiry and the generation, is asked of the entry each time.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, PoisonError};

/// Many, so that their maps do not all grow at once: a large map that grows touches megabytes of new memory, for some 20 ms
/// in which nobody is answered. Each forgets by itself when it is full.
const SHARDS: usize = 1024;

/// An HMAC-SHA256 tag.
pub type Tag = [u8; 32];

/// Tags are as good as random already: eight of their bytes are the hash.
#[derive(Default)]
struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }

    // The length of an array is told first; it is always the same.
    fn write_usize(&mut self, _: usize) {}
}

type Shard<V> = HashMap<Tag, V, BuildHasherDefault<FirstBytes>>;

/// A bounded number of entries; where there are too many, a part of them is forgotten.
pub struct Memo<V> {
    shards: Vec<Mutex<Shard<V>>>,
    shard_max: usize,
}

impl<V: Clone> Memo<V> {
    /// Keeps at most about `count_max`.
    pub fn new(count_max: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            shard_max: (count_max / SHARDS).max(1),
        }
    }

    fn shard(&self, tag: &Tag) -> &Mutex<Shard<V>> {
        // Not its first bytes, by which a shard's map tells tags apart.
        &self.shards[usize::from(u16::from_le_bytes([tag[30], tag[31]])) % SHARDS]
    }

    /// What is kept under a tag.
    pub fn get(&self, tag: &Tag) -> Option<V> {
        let shard = self.shard(tag).lock();
        shard
            .unwrap_or_else(PoisonError::into_inner)
            .get(tag)
            .cloned()
    }

    /// Keeps something under the tag of a message that was verified.
    pub fn keep(&self, tag: Tag, value: V) {
        let shard = self.shard(&tag).lock();
        let mut shard = shard.unwrap_or_else(PoisonError::into_inner);
        if shard.len() >= self.shard_max {
            shard.clear();
        }
        shard.insert(tag, value);
    }
}
