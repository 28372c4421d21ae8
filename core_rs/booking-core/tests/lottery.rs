//! The laws of the draw: the standard's vectors, the sample file, and what may not matter and what must.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeSet;

use booking_core::lottery::{
    Basis, Entrant, Entrants, EntrantsError, Hash, TicketKeys, commitment, keys, order, order_by,
    result_digest, seed, tickets_digest,
};
use booking_core::lottery::{TICKET_BYTES_MAX, Terms};
use booking_core::waitlist::Tier;
use proptest::prelude::*;
use serde_json::Value;
use sm3::{Digest, Sm3};

const STEPS: &str = include_str!("../../../tests/vectors/draw/steps.json");
const RESULT: &str = include_str!("../../../tests/vectors/draw/result.jsonl");

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn unhex(text: &str) -> Hash {
    let bytes: Vec<u8> = (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect();
    bytes.try_into().unwrap()
}

#[test]
fn sm3_is_that_of_the_standard() {
    let steps: Value = serde_json::from_str(STEPS).unwrap();
    let vectors = steps["sm3"].as_array().unwrap();
    assert_eq!(vectors.len(), 2);
    for vector in vectors {
        let digest = Sm3::digest(vector["text"].as_str().unwrap());
        assert_eq!(hex(&digest), vector["digest"].as_str().unwrap());
    }
}

/// The sample was made by another implementation (tests/unit/lottery/independent.py).
#[test]
fn the_sample_is_recomputed_step_by_step() {
    let mut lines = RESULT.lines();
    let head: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    let of = |name: &str| head[name].as_str().unwrap();
    let rows: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let tier = |row: &Value| Tier(u8::try_from(row[1].as_u64().unwrap()).unwrap());
    let drawn: Vec<Entrant> = rows
        .iter()
        .map(|row| Entrant {
            tier: tier(row),
            ticket: row[2].as_str().unwrap().as_bytes(),
        })
        .collect();
    let terms = Terms {
        campaign: of("campaign"),
        closes_at: of("closes_at"),
        entropy_rule: of("entropy_rule"),
    };
    let secret = unhex(of("secret"));
    let committed = commitment(terms, &secret);
    assert_eq!(hex(&committed), of("commitment"));
    let seed = seed(&secret, of("entropy"), of("campaign"));
    assert_eq!(hex(&seed), of("seed"));

    let mut given = drawn.clone();
    given.sort_by_key(|entrant| entrant.ticket);
    let entrants = Entrants::new(given.clone()).unwrap();
    let ordered: Vec<Entrant> = order(&seed, &entrants)
        .into_iter()
        .map(|index| given[index as usize])
        .collect();
    assert_eq!(ordered, drawn);
    let maker = TicketKeys::new(&seed);
    for (row, entrant) in rows.iter().zip(&ordered) {
        assert_eq!(hex(&maker.key(entrant)[..8]), row[3].as_str().unwrap());
    }
    let tickets = tickets_digest(of("campaign"), &entrants);
    assert_eq!(hex(&tickets), of("tickets_digest"));
    let basis = Basis {
        campaign: of("campaign"),
        commitment: &committed,
        tickets_digest: &tickets,
        entropy: of("entropy"),
        seed: &seed,
    };
    assert_eq!(
        hex(&result_digest(basis, ordered.into_iter())),
        of("result_digest")
    );
}

fn tickets() -> impl Strategy<Value = Vec<(u8, String)>> {
    prop::collection::btree_map("[0-9A-Za-z-]{1,40}|[AB]{1,3}|A{15,18}[ab]?", 1_u8..4, 0..40)
        .prop_map(|made| {
            made.into_iter()
                .map(|(ticket, tier)| (tier, ticket))
                .collect()
        })
}

fn entrants(list: &[(u8, String)]) -> Entrants<'_> {
    Entrants::new(
        list.iter()
            .map(|(tier, ticket)| Entrant {
                tier: Tier(*tier),
                ticket: ticket.as_bytes(),
            })
            .collect(),
    )
    .unwrap()
}

fn drawn<'a>(seed: &Hash, list: &'a [(u8, String)]) -> Vec<&'a (u8, String)> {
    order(seed, &entrants(list))
        .into_iter()
        .map(|index| &list[index as usize])
        .collect()
}

proptest! {
    #[test]
    fn how_the_list_is_sorted_changes_nothing(
        (list, shuffled) in tickets().prop_flat_map(|list| (Just(list.clone()), Just(list).prop_shuffle())), seed: Hash
    ) {
        prop_assert_eq!(drawn(&seed, &list), drawn(&seed, &shuffled));
        prop_assert_eq!(tickets_digest("c", &entrants(&list)), tickets_digest("c", &entrants(&shuffled)));
    }

    #[test]
    fn who_is_taken_out_moves_nobody_past_anybody(
        list in tickets(), gone in prop::collection::vec(any::<prop::sample::Index>(), 0..5), seed: Hash
    ) {
        let out: BTreeSet<usize> = gone.iter().filter(|_| !list.is_empty()).map(|at| at.index(list.len())).collect();
        let rest: Vec<_> = (0..).zip(&list).filter(|(at, _)| !out.contains(at)).map(|(_, one)| one.clone()).collect();
        let kept: Vec<_> = drawn(&seed, &list).into_iter().filter(|one| rest.contains(one)).collect();
        prop_assert_eq!(drawn(&seed, &rest), kept);
    }

    #[test]
    fn every_ticket_is_drawn_once_tier_by_tier_and_key_by_key(list in tickets(), seed: Hash) {
        let entrants = entrants(&list);
        let made = keys(&seed, &entrants);
        let order = order(&seed, &entrants);
        let unique: BTreeSet<_> = order.iter().collect();
        prop_assert_eq!((unique.len(), order.len()), (list.len(), list.len()));
        let key = |index: &u32| (list[*index as usize].0, made[*index as usize]);
        prop_assert!(order.windows(2).all(|pair| key(&pair[0]) < key(&pair[1])));
    }

    #[test]
    fn ties_are_decided_by_ticket_however_much_of_the_keys_agrees(
        list in tickets(), which in prop::collection::vec(0_u8..3, 40), same_bytes in 0_usize..33
    ) {
        let entrants = entrants(&list);
        // Keys that agree in their first bytes and differ, if at all, in the byte after.
        let made: Vec<Hash> = which.iter().map(|low| {
            let mut key = [7; 32];
            if let Some(byte) = key.get_mut(same_bytes) { *byte = *low; }
            key
        }).collect();
        let order = order_by(&entrants, &made[..list.len()]);
        let mut expected: Vec<u32> = (0..u32::try_from(list.len()).unwrap()).collect();
        expected.sort_by_key(|index| {
            let at = *index as usize;
            (list[at].0, made[at], list[at].1.as_bytes())
        });
        prop_assert_eq!(order, expected);
    }

    #[test]
    fn a_commitment_fits_no_other_secret_and_no_other_terms(
        secret: Hash, texts in prop::array::uniform3("\\PC{0,12}"), at in 0_usize..32, other in prop::array::uniform3("\\PC{0,12}")
    ) {
        let of = |texts: &[String; 3], secret: &Hash| {
            let terms = Terms { campaign: &texts[0], closes_at: &texts[1], entropy_rule: &texts[2] };
            commitment(terms, secret)
        };
        let mut changed = secret;
        changed[at] ^= 1;
        prop_assert_ne!(of(&texts, &secret), of(&texts, &changed));
        prop_assert_eq!(of(&texts, &secret) == of(&other, &secret), texts == other);
        prop_assert_ne!(seed(&secret, &texts[0], &texts[1]), seed(&changed, &texts[0], &texts[1]));
        prop_assert_eq!(
            seed(&secret, &texts[0], &texts[1]) == seed(&secret, &other[0], &other[1]),
            texts[..2] == other[..2]
        );
    }

    #[test]
    fn a_result_fits_no_other_list_and_no_other_basis(list in tickets(), other in tickets(), seed: Hash, flip in 0_usize..5) {
        let hashes = [[1; 32], [2; 32], seed];
        let digest = |list: &[(u8, String)], hashes: &[Hash; 3], campaign: &str, entropy: &str| {
            let basis = Basis {
                campaign, commitment: &hashes[0], tickets_digest: &hashes[1], entropy, seed: &hashes[2],
            };
            result_digest(basis, entrants(list).all().to_vec().into_iter())
        };
        let first = digest(&list, &hashes, "c", "e");
        prop_assert_eq!(first == digest(&other, &hashes, "c", "e"), list == other);
        let (mut changed, mut campaign, mut entropy) = (hashes, "c", "e");
        match flip {
            3 => campaign = "d",
            4 => entropy = "f",
            which => changed[which][31] ^= 1,
        }
        prop_assert_ne!(first, digest(&list, &changed, campaign, entropy));
    }
}

#[test]
fn entrants_that_cannot_be_drawn_are_named() {
    let long = "A".repeat(TICKET_BYTES_MAX + 1);
    let longest = "A".repeat(TICKET_BYTES_MAX);
    let rows: [(&[u8], &str, Option<EntrantsError>); 10] = [
        (b"", "", None),
        (b"\x01", "A", None),
        (b"\x01", "A\n", None),
        (b"\x01", &longest, None),
        (b"\x01", &long, Some(EntrantsError::BadTicket { index: 0 })),
        (
            b"\x01\x01",
            "A\n\n",
            Some(EntrantsError::BadTicket { index: 1 }),
        ),
        (
            b"\x01\x01",
            "A\nB C",
            Some(EntrantsError::BadTicket { index: 1 }),
        ),
        (
            b"\x01\x01",
            "A\r\nB",
            Some(EntrantsError::BadTicket { index: 0 }),
        ),
        (
            b"\x01\x02\x01",
            "B\nA\nB",
            Some(EntrantsError::Twice { index: 2 }),
        ),
        (
            b"\x01",
            "A\nB",
            Some(EntrantsError::Uneven {
                tiers: 1,
                tickets: 2,
            }),
        ),
    ];
    for (tiers, tickets, expected) in rows {
        let found = Entrants::from_columns(tiers, tickets.as_bytes());
        match (found.err(), expected) {
            (Some(EntrantsError::Twice { index: 0 | 2 }), Some(EntrantsError::Twice { .. })) => {}
            (found, expected) => assert_eq!(found, expected, "{tickets:?}"),
        }
    }
}

/// Every list of up to four tickets in two tiers, in every order, under some seeds.
#[test]
fn a_small_world_explored_completely() {
    let names = ["A", "B", "AA", "A-"];
    for tiers in 0..16_u8 {
        for chosen in 0..16_u8 {
            let list: Vec<(u8, String)> = (0..4_u8)
                .filter(|at| chosen & (1 << at) != 0)
                .map(|at| ((tiers >> at) & 1, names[usize::from(at)].to_owned()))
                .collect();
            for number in 0..8 {
                let seed = [number; 32];
                let expected = drawn(&seed, &list);
                for permuted in permutations(&list) {
                    assert_eq!(drawn(&seed, &permuted), expected);
                }
            }
        }
    }
}

fn permutations(list: &[(u8, String)]) -> Vec<Vec<(u8, String)>> {
    if list.is_empty() {
        return vec![Vec::new()];
    }
    (0..list.len())
        .flat_map(|first| {
            let mut rest = list.to_vec();
            let one = rest.remove(first);
            permutations(&rest).into_iter().map(move |mut tail| {
                tail.insert(0, one.clone());
                tail
            })
        })
        .collect()
}
