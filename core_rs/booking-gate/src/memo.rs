//! What verified tokens say, by the tokens themselves: who asks again within seconds is not verified again.
//!
//! A token's name here is its SipHash-2-4 of 128 bits under a secret: without it nobody finds another text of the same name, or
//! chooses where entries lie. Only a token whose signature has been verified is kept. What may change with time, the expiry and
//! the generation, is asked of the entry each time; other keys begin with nothing kept.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, PoisonError};

use siphasher::sip128::SipHasher24;

/// Many, so that their maps do not all grow at once: a large map that grows touches megabytes of new memory, for some 20 ms
/// in which nobody is answered. Each forgets by itself when it is full.
const SHARDS: usize = 1024;

/// A token under a memo's secret.
pub type Name = [u8; 16];

/// Names are as good as random already: eight of their bytes are the hash.
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

type Shard<V> = HashMap<Name, V, BuildHasherDefault<FirstBytes>>;

/// A bounded number of entries; where there are too many, a part of them is forgotten.
pub struct Memo<V> {
    names: SipHasher24,
    shards: Vec<Mutex<Shard<V>>>,
    shard_max: usize,
}

impl<V: Clone> Memo<V> {
    /// Keeps at most about `count_max`, under names that only who knows `secret` can tell.
    pub fn new(count_max: usize, secret: &[u8; 16]) -> Self {
        Self {
            names: SipHasher24::new_with_key(secret),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            shard_max: (count_max / SHARDS).max(1),
        }
    }

    /// What a token is called here.
    pub fn name_of(&self, token: &[u8]) -> Name {
        self.names.hash(token).as_bytes()
    }

    fn shard(&self, name: &Name) -> &Mutex<Shard<V>> {
        // Not its first bytes, by which a shard's map tells names apart.
        &self.shards[usize::from(u16::from_le_bytes([name[14], name[15]])) % SHARDS]
    }

    /// What is kept under a name.
    pub fn get(&self, name: &Name) -> Option<V> {
        let shard = self.shard(name).lock();
        shard
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
    }

    /// Keeps what a token says that was verified.
    pub fn keep(&self, name: Name, value: V) {
        let shard = self.shard(&name).lock();
        let mut shard = shard.unwrap_or_else(PoisonError::into_inner);
        if shard.len() >= self.shard_max {
            shard.clear();
        }
        shard.insert(name, value);
    }
}
