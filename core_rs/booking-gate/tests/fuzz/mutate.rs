//! Inputs out of good ones, from a seed.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// `SplitMix64`: small, and the same on every machine.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn byte(&mut self) -> u8 {
        self.roll().to_le_bytes()[0]
    }

    /// Below `bound`, which is not zero.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.roll() % u64::try_from(bound).unwrap()).unwrap()
    }

    pub fn one_of<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.below(things.len())]
    }

    fn stretch(&mut self, length: usize) -> (usize, usize) {
        let from = self.below(length + 1);
        let most = (length - from).min(64);
        (from, from + self.below(most + 1))
    }
}

/// One input: one good input, changed once or several times; now and then nothing but noise.
pub fn input(dice: &mut Dice, good: &[Vec<u8>], words: &[&[u8]]) -> Vec<u8> {
    if dice.below(64) == 0 {
        let length = dice.below(200);
        return (0..length).map(|_| dice.byte()).collect();
    }
    let mut bytes = dice.one_of(good).clone();
    for _ in 0..dice.below(5) {
        change(dice, &mut bytes, good, words);
    }
    bytes
}

fn change(dice: &mut Dice, bytes: &mut Vec<u8>, good: &[Vec<u8>], words: &[&[u8]]) {
    let (from, until) = dice.stretch(bytes.len());
    match dice.below(10) {
        0 if !bytes.is_empty() => {
            let at = dice.below(bytes.len());
            bytes[at] ^= 1 << dice.below(8);
        }
        1 if !bytes.is_empty() => {
            let at = dice.below(bytes.len());
            bytes[at] = dice.byte();
        }
        2 => bytes.truncate(from),
        3 => drop(bytes.drain(from..until)),
        4 => {
            let doubled = bytes[from..until].to_vec();
            bytes.splice(until..until, doubled);
        }
        5 | 6 => {
            let word = dice.one_of(words).to_vec();
            bytes.splice(from..from, word);
        }
        7 => {
            let word = dice.one_of(words).to_vec();
            bytes.splice(from..until, word);
        }
        8 => {
            // The beginning of one, the end of another.
            let other = dice.one_of(good);
            let cut = dice.below(other.len() + 1);
            bytes.truncate(from);
            bytes.extend_from_slice(&other[cut..]);
        }
        _ => {
            // A number becomes another.
            let digits: Vec<_> = (0..bytes.len())
                .filter(|at| bytes[*at].is_ascii_digit())
                .collect();
            if !digits.is_empty() {
                let at = *dice.one_of(&digits);
                bytes[at] = b'0' + u8::try_from(dice.below(10)).unwrap();
            }
        }
    }
    bytes.truncate(24 * 1024);
}

/// How many inputs, and the seed.
pub struct Run {
    pub target: &'static str,
    pub inputs: u64,
    pub seed: u64,
    began: Instant,
}

impl Run {
    pub fn of(target: &'static str, inputs_in_short: u64) -> Self {
        let number = |name: &str| {
            std::env::var(name)
                .ok()
                .map(|text| text.parse().expect(name))
        };
        let inputs = number("HUMIAO_FUZZ_INPUTS");
        let seed = number("HUMIAO_FUZZ_SEED").unwrap_or_else(|| match inputs {
            // A long run looks where nobody has looked before.
            Some(_) => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
                u64::try_from(since.as_nanos() & u128::from(u64::MAX)).unwrap()
            }
            None => 20_261_124,
        });
        Self {
            target,
            inputs: inputs.unwrap_or(inputs_in_short),
            seed,
            began: Instant::now(),
        }
    }

    pub fn report(&self, what_came: &str) {
        let took: Duration = self.began.elapsed();
        println!(
            "{}: {} inputs, seed {}, {:.1} s: {what_came}",
            self.target,
            self.inputs,
            self.seed,
            took.as_secs_f64()
        );
    }
}
