//! The body of a hold: what is read here, the application's schema takes, and understands alike.

use booking_gate::wish::{Wish, is_key};
use proptest::prelude::*;
use serde_json::Value;
use uuid::Uuid;

/// The application's schema, written out (`booking/schemas.py`, `HoldRequest`): three members and no other, an id in its
/// usual spelling, whole numbers from 1 to 2^63-1 that are neither text nor truth.
fn as_the_schema_takes_it(body: &[u8]) -> Option<(Uuid, i64, i64)> {
    let Value::Object(members) = serde_json::from_slice(body).ok()? else {
        return None;
    };
    let whole = |name: &str| members.get(name)?.as_i64().filter(|number| *number >= 1);
    let person = Uuid::parse_str(members.get("person_id")?.as_str()?).ok()?;
    let wish = (person, whole("window_id")?, whole("stock_id")?);
    (members.len() == 3).then_some(wish)
}

fn read(body: &[u8]) -> Option<(Uuid, i64, i64)> {
    Wish::read(body).map(|wish| (wish.person, wish.window_id, wish.stock_id))
}

const PERSON: &str = "00000000-0000-4000-8000-00000000abcd";

/// Why, a body that is left to the application.
#[test]
fn what_may_be_read_differently_is_left_to_the_application() {
    let good = format!(r#"{{"person_id":"{PERSON}","window_id":42,"stock_id":7}}"#);
    assert!(read(good.as_bytes()).is_some());
    let rows = [
        ("a member twice", good.replace("42", "41,\"window_id\":42")),
        ("a member too many", good.replace('}', ",\"note\":null}")),
        ("a member too few", good.replace(",\"stock_id\":7", "")),
        ("a number as text", good.replace("42", "\"42\"")),
        ("a fraction", good.replace("42", "42.0")),
        ("a power", good.replace("42", "42e0")),
        ("truth", good.replace("42", "true")),
        ("nothing", good.replace("42", "null")),
        ("zero", good.replace("42", "0")),
        ("minus zero", good.replace("42", "-0")),
        ("below zero", good.replace("42", "-42")),
        ("a zero before", good.replace("42", "042")),
        ("more than fits", good.replace("42", "9223372036854775808")),
        (
            "an id without dashes",
            good.replace(PERSON, &PERSON.replace('-', "")),
        ),
        (
            "an id with a prefix",
            good.replace(PERSON, &format!("urn:uuid:{PERSON}")),
        ),
        (
            "an id in braces",
            good.replace(PERSON, &format!("{{{PERSON}}}")),
        ),
        (
            "a gap in the id",
            good.replace(PERSON, &format!("{PERSON} ")),
        ),
        ("an escape in the id", good.replace("abcd", "\\u0061bcd")),
        ("a name in capitals", good.replace("window_id", "Window_id")),
        ("a comma at the end", good.replace('}', ",}")),
        ("a comment", good.replace('}', "/**/}")),
        ("something after", format!("{good}x")),
        ("two bodies", format!("{good}{good}")),
        ("a mark before", format!("\u{feff}{good}")),
        ("a list", format!("[{good}]")),
        ("single quotes", good.replace('"', "'")),
        ("no end", good[..good.len() - 1].to_owned()),
        ("nothing at all", String::new()),
    ];
    for (why, body) in rows {
        assert_eq!(read(body.as_bytes()), None, "{why}: {body}");
    }
    assert_eq!(
        read(b"{\"person_id\":\"\xff\",\"window_id\":1,\"stock_id\":1}"),
        None
    );
}

#[test]
fn the_digest_is_the_applications() {
    // Of humiao.kit.web.body_hash("hold", HoldRequest(...).model_dump(mode="json")).
    let expected = "5aa04a9e76f9ab14081cbf9ec865485ed3d163d547a629ef996848a4632e98a7";
    for person in [PERSON.to_owned(), PERSON.to_uppercase()] {
        let body = format!(r#"{{ "stock_id": 7, "person_id": "{person}", "window_id": 42 }}"#);
        let digest = Wish::read(body.as_bytes()).unwrap().body_hash();
        let as_number = Uuid::from_slice(&digest[..16])
            .unwrap()
            .simple()
            .to_string()
            + &Uuid::from_slice(&digest[16..])
                .unwrap()
                .simple()
                .to_string();
        assert_eq!(as_number, expected);
    }
}

fn gap() -> impl Strategy<Value = String> {
    "[ \t\r\n]{0,3}"
}

proptest! {
    #[test]
    fn a_wish_is_read_however_it_is_laid_out(
        person in any::<u128>(), window_id in 1..=i64::MAX, stock_id in 1..=i64::MAX, order in 0_usize..6,
        gaps in prop::collection::vec(gap(), 13), capitals in any::<bool>()
    ) {
        let person = Uuid::from_u128(person);
        let spelt = if capitals { person.to_string().to_uppercase() } else { person.to_string() };
        let members = [
            ("person_id", format!("\"{spelt}\"")), ("window_id", window_id.to_string()), ("stock_id", stock_id.to_string()),
        ];
        let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        let laid_out: Vec<_> = orders[order].iter().enumerate().map(|(n, member)| {
            let (name, value) = &members[*member];
            format!("{}\"{name}\"{}:{}{value}{}", gaps[4 * n], gaps[4 * n + 1], gaps[4 * n + 2], gaps[4 * n + 3])
        }).collect();
        let body = format!("{}{{{}}}", gaps[12], laid_out.join(","));
        prop_assert_eq!(read(body.as_bytes()), Some((person, window_id, stock_id)));
        prop_assert_eq!(as_the_schema_takes_it(body.as_bytes()), read(body.as_bytes()));
    }

    #[test]
    fn what_is_read_the_schema_takes(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 1..6),
        pieces in prop::collection::vec("[\\[\\]{}:,\"0-9a-f.eE+-]{1,4}", 6)
    ) {
        let mut body = format!(r#"{{"person_id":"{PERSON}","window_id":42,"stock_id":7}}"#).into_bytes();
        for (n, (at, byte, kind)) in edits.iter().enumerate() {
            let at = at.index(body.len());
            match kind {
                0 => body[at] = *byte,
                1 => { body.remove(at); }
                2 => { body.splice(at..at, pieces[n].bytes()); }
                _ => body[at] ^= 1 << (byte % 8),
            }
            if body.is_empty() {
                body.push(b' ');
            }
        }
        if let Some(wish) = read(&body) {
            prop_assert_eq!(as_the_schema_takes_it(&body), Some(wish));
        }
    }

    #[test]
    fn a_key_is_what_the_application_calls_one(text in "[a-zA-Z0-9_.\\- é]{0,70}") {
        let expected = (8..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        prop_assert_eq!(is_key(text.as_bytes()), expected);
    }
}
