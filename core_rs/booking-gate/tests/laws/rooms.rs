//! Waiting rooms in memory: what is said follows from the record alone, however its news comes, and costs little.

use booking_core::room::{Place, Places};
use booking_core::time::Instant;
use booking_gate::rooms::{Head, Known, Rooms, Standing, Tick};
use proptest::prelude::*;

const ROOM: i64 = 7;
const NOW: Instant = Instant(1_000_000);

fn ticket(place: Place) -> [u8; 16] {
    u128::from(place)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
        .to_be_bytes()
}

/// A room that is on, has been drawn, and in which everybody is present.
fn head(places: Place, version: u64) -> Head {
    Head {
        room_id: ROOM,
        is_on: true,
        is_open: true,
        is_drawn: true,
        pace: 1_000,
        version,
        places,
        present: (1..=places).collect(),
        sessions: Some(vec![42]),
        ..Head::default()
    }
}

fn told(rooms: &Rooms, place: Place) -> Known {
    rooms.look(ROOM, ticket(place), NOW).unwrap().known
}

fn waits(place: Place, ahead: u32) -> Known {
    Known::Waits {
        place,
        ahead,
        pace: 1_000,
    }
}

fn entries(
    places: impl Iterator<Item = Place>,
) -> impl Iterator<Item = (Place, [u8; 16], Standing)> {
    places.map(|place| (place, ticket(place), Standing::Waits))
}

#[test]
fn a_ticket_is_told_where_it_stands() {
    let rooms = Rooms::default();
    assert_eq!(
        rooms.look(ROOM, ticket(1), NOW),
        None,
        "nothing is known of the room"
    );
    let early = Head {
        opens_at: Instant(NOW.0 + 1),
        is_drawn: false,
        places: 0,
        ..head(0, 0)
    };
    rooms.take_heads(vec![early.clone()]);
    let opens_at = early.opens_at;
    assert_eq!(told(&rooms, 1), Known::Early { opens_at });
    rooms.take_heads(vec![Head {
        opens_at: NOW,
        ..early
    }]);
    assert_eq!(told(&rooms, 1), Known::Unnumbered, "the draw is being held");
    rooms.take_heads(vec![head(3, 0)]);
    assert_eq!(
        told(&rooms, 1),
        Known::Unnumbered,
        "its places are on their way"
    );
    rooms.take_places(ROOM, entries(1..=3));
    assert_eq!(told(&rooms, 1), waits(1, 0));
    assert_eq!(told(&rooms, 3), waits(3, 2));
    assert_eq!(told(&rooms, 4), Known::Unknown);
    let until = Instant(NOW.0 + 10);
    let tick = Tick {
        tick: 1,
        admitted: vec![1],
        until: Some(until),
        gone: vec![2],
    };
    rooms.take_ticks(ROOM, [tick.clone()].into_iter());
    assert_eq!(told(&rooms, 1), Known::Admitted { place: 1, until });
    assert_eq!(told(&rooms, 2), Known::Gone);
    assert_eq!(told(&rooms, 3), waits(3, 0));
    assert_eq!(
        rooms.look(ROOM, ticket(1), until).unwrap().known,
        Known::Gone,
        "its time is over"
    );
    rooms.take_ticks(ROOM, [tick].into_iter());
    assert_eq!(
        told(&rooms, 3),
        waits(3, 0),
        "the same news again changes nothing"
    );
    assert_eq!(rooms.known(ROOM), (3, 1));
    rooms.take_heads(vec![Head {
        present: Places::default(),
        ..head(3, 1)
    }]);
    assert_eq!(told(&rooms, 3), waits(3, 0));
    rooms.take_heads(Vec::new());
    assert_eq!(
        rooms.look(ROOM, ticket(3), NOW),
        None,
        "a closed room is forgotten"
    );
    assert_eq!(rooms.tickets(), 0);
}

#[test]
fn those_who_are_away_are_not_counted_ahead() {
    let rooms = Rooms::default();
    rooms.take_heads(vec![Head {
        present: [2, 4].into_iter().collect(),
        ..head(5, 0)
    }]);
    rooms.take_places(ROOM, entries(1..=5));
    assert_eq!(told(&rooms, 5), waits(5, 2));
    assert_eq!(told(&rooms, 2), waits(2, 0));
}

#[test]
fn who_polls_is_reported_once_and_who_is_let_in_no_more() {
    let rooms = Rooms::default();
    rooms.take_heads(vec![head(9, 0)]);
    rooms.take_places(ROOM, entries(1..=9));
    for place in [9, 3, 3] {
        assert!(rooms.poll(ROOM, ticket(place), NOW).is_some());
    }
    rooms.note_asked(42);
    rooms.note_asked(43);
    let reports = rooms.take_reports();
    let [(ROOM, seen, 1)] = &reports[..] else {
        panic!("{reports:?}")
    };
    assert_eq!(seen.iter().collect::<Vec<_>>(), [3, 9]);
    assert!(rooms.take_reports().is_empty());
}

#[test]
fn a_session_goes_through_its_own_room_before_the_services() {
    let rooms = Rooms::default();
    let service = Head {
        room_id: 1,
        sessions: None,
        ..head(0, 0)
    };
    rooms.take_heads(vec![service, head(0, 0)]);
    assert_eq!(rooms.covering(42).unwrap().room_id, ROOM);
    assert_eq!(rooms.covering(43).unwrap().room_id, 1);
    rooms.take_heads(vec![head(0, 0)]);
    assert_eq!(rooms.covering(43), None);
}

proptest! {
    /// Two gates that learn of the same record, in pieces of their own and one from the middle on, say the same of all.
    #[test]
    fn gates_that_know_the_same_ticks_say_the_same(
        ticks in prop::collection::vec((prop::collection::vec(1_u32..60, 0..6), prop::collection::vec(1_u32..60, 0..3)), 1..20),
        late in 0_usize..20, piece in 1_u32..60,
    ) {
        const PLACES: Place = 60;
        let until = Some(Instant(NOW.0 + 1));
        let mut standing = vec![Standing::Waits; PLACES as usize + 1];
        let mut record = Vec::new();
        let mut snapshot = None;
        for (number, (admitted, gone)) in ticks.iter().enumerate() {
            if number == late.min(ticks.len() - 1) {
                snapshot = Some((number as u64, standing.clone()));
            }
            let admitted: Vec<Place> = admitted.iter().copied()
                .filter(|place| standing[*place as usize] == Standing::Waits).collect();
            for place in &admitted {
                standing[*place as usize] = Standing::Admitted(Instant(NOW.0 + 1));
            }
            for place in gone {
                standing[*place as usize] = Standing::Gone;
            }
            record.push(Tick { tick: number as u64 + 1, admitted, until, gone: gone.clone() });
        }
        let (first, second) = (Rooms::default(), Rooms::default());
        first.take_heads(vec![head(PLACES, 0)]);
        for from in (1..=PLACES).step_by(piece as usize) {
            first.take_places(ROOM, entries(from..=(from + piece - 1).min(PLACES)));
        }
        first.take_ticks(ROOM, record.iter().cloned());
        let (version, known) = snapshot.unwrap();
        second.take_heads(vec![head(PLACES, version)]);
        second.take_places(ROOM, (1..=PLACES).map(|place| (place, ticket(place), known[place as usize])));
        prop_assert_eq!(second.known(ROOM), (PLACES, version));
        second.take_ticks(ROOM, record.into_iter().filter(|tick| tick.tick > version));
        for place in 1..=PLACES {
            prop_assert_eq!(told(&first, place), told(&second, place), "place {}", place);
            let expected = match standing[place as usize] {
                Standing::Waits => {
                    let ahead = (1..place).filter(|other| standing[*other as usize] == Standing::Waits).count();
                    waits(place, u32::try_from(ahead).unwrap())
                }
                Standing::Admitted(until) => Known::Admitted { place, until },
                Standing::Gone => Known::Gone,
            };
            prop_assert_eq!(told(&first, place), expected);
        }
    }
}
