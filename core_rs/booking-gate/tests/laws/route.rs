//! Which way does a request go?

use booking_gate::route::{Route, route_of};
use hyper::Method;
use proptest::prelude::*;
use uuid::Uuid;

const ID: &str = "00000000-0000-4000-8000-00000000abcd";

fn methods() -> Vec<Method> {
    vec![
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::HEAD,
        Method::OPTIONS,
        Method::TRACE,
        Method::CONNECT,
        "get".parse().unwrap(),
        "BREW".parse().unwrap(),
    ]
}

fn assert_routes<'a>(rows: impl IntoIterator<Item = (Method, &'a str, Route)>) {
    for (method, path, route) in rows {
        assert_eq!(route_of(&method, path), route, "{method} {path}");
    }
}

#[test]
fn hot_routes_are_known_by_method_and_path_alone() {
    let id: Uuid = ID.parse().unwrap();
    let status = format!("/api/v1/resident/holds/{ID}/status");
    let rows: [(Method, &str, Route); 7] = [
        (Method::POST, "/api/v1/resident/holds", Route::Hold),
        (Method::GET, &status, Route::HoldStatus(id)),
        (
            Method::GET,
            "/api/v1/resident/rooms/42/place",
            Route::RoomPlace(42),
        ),
        (
            Method::GET,
            "/api/v1/resident/rooms/42/place/events",
            Route::RoomEvents(42),
        ),
        (
            Method::GET,
            "/api/v1/public/sessions/42/availability",
            Route::Availability(42),
        ),
        (
            Method::GET,
            "/api/v1/public/sessions/999999999999999999/availability",
            Route::Availability(999_999_999_999_999_999),
        ),
        (Method::GET, "/healthz", Route::Alive),
    ];
    for (method, path, route) in rows {
        assert_eq!(route_of(&method, path), route, "{method} {path}");
        for other in methods().into_iter().filter(|other| *other != method) {
            let alive = path == "/healthz" && other == Method::HEAD;
            let expected = if alive { Route::Alive } else { Route::Passed };
            assert_eq!(route_of(&other, path), expected, "{other} {path}");
        }
    }
    for method in methods() {
        assert_eq!(route_of(&method, "/metrics"), Route::Hidden);
    }
}

#[test]
fn what_only_looks_like_one_is_the_applications() {
    let short = &ID[..35];
    let paths = [
        "/",
        "",
        "*",
        "/api/v1/resident/holds/",
        "/api/v1/resident/holdsx",
        "/api/v1/resident/holds/x",
        "//api/v1/resident/holds",
        "/api/v1/resident//holds",
        "/api/v1/Resident/holds",
        "/api/v1/resident/./holds",
        "/api/v1/resident/holds;x",
        "/healthz/",
        "/metrics/",
        "/metricsx",
        "/api/v1/public/sessions/1/2/availability",
        "/api/v1/public/sessions/1/availability/",
        "/api/v1/public/sessions/1",
        "/api/v1/public/sessions/availability",
        "/api/v1/resident/rooms/1/place/",
        "/api/v1/resident/rooms/1/2/place",
        "/api/v1/resident/rooms/1/leave",
        "/api/v1/resident/rooms/1",
        "/api/v1/resident/rooms/place",
        "/api/v1/resident/hold%ff",
        "/api/v1/resident/holds%2573",
    ];
    let ids = [
        short,
        "x",
        "",
        &format!("{ID}/{ID}"),
        &format!("{{{ID}"),
        &format!("urn:{ID}"),
        &format!("{ID}\n"),
    ]
    .map(|id| format!("/api/v1/resident/holds/{id}/status"));
    for path in paths.into_iter().chain(ids.iter().map(String::as_str)) {
        for method in methods() {
            assert_eq!(route_of(&method, path), Route::Passed, "{method} {path}");
        }
    }
}

#[test]
fn a_path_is_read_decoded_once() {
    let rows = [
        (Method::POST, "/api/v1/resident/hold%73", Route::Hold),
        (Method::GET, "/%6detrics", Route::Hidden),
        (
            Method::GET,
            "/api/v1/public/sessions/4%32/availability",
            Route::Availability(42),
        ),
    ];
    assert_routes(rows);
}

/// What the application takes is known by all its names, or one of them would lead round the pace and the memory.
#[test]
fn no_other_name_of_a_hot_route_is_the_applications() {
    let id: Uuid = ID.parse().unwrap();
    let shout = ID.to_uppercase();
    for spelling in [
        ID,
        &shout,
        &ID.replace('-', ""),
        &format!("urn:uuid:{ID}"),
        &format!("{{{ID}}}"),
        &format!("%7B{ID}%7D"),
    ] {
        for end in ["", "%0a", "%0A"] {
            let path = format!("/api/v1/resident/holds/{spelling}/status{end}");
            assert_eq!(
                route_of(&Method::GET, &path),
                Route::HoldStatus(id),
                "{path}"
            );
        }
    }
    let rows = [
        (Method::POST, "/api/v1/resident/holds%0a", Route::Hold),
        (
            Method::GET,
            "/api/v1/resident/rooms/42/place%0a",
            Route::RoomPlace(42),
        ),
        (
            Method::GET,
            "/api/v1/public/sessions/42/availability%0a",
            Route::Availability(42),
        ),
        (Method::GET, "/metrics%0a", Route::Hidden),
        // A second one is none of its.
        (Method::POST, "/api/v1/resident/holds%0a%0a", Route::Passed),
    ];
    assert_routes(rows);
}

#[test]
fn an_id_has_one_spelling_and_others_are_nobodys() {
    for id in [
        "0",
        "-1",
        "+1",
        "007",
        "1.0",
        "",
        "x",
        "\u{0661}",
        "9223372036854775808",
    ] {
        for path in [
            format!("/api/v1/public/sessions/{id}/availability"),
            format!("/api/v1/resident/rooms/{id}/place"),
        ] {
            assert_eq!(route_of(&Method::GET, &path), Route::Nowhere, "{path}");
            assert_eq!(route_of(&Method::POST, &path), Route::Passed, "{path}");
        }
    }
}

proptest! {
    #[test]
    fn an_id_is_told_as_it_was_written(id in any::<u128>(), session_id in 1_i64..1_000_000_000_000_000_000) {
        let id = Uuid::from_u128(id);
        prop_assert_eq!(route_of(&Method::GET, &format!("/api/v1/resident/holds/{id}/status")), Route::HoldStatus(id));
        let path = format!("/api/v1/public/sessions/{session_id}/availability");
        prop_assert_eq!(route_of(&Method::GET, &path), Route::Availability(session_id));
    }

    #[test]
    fn other_paths_are_passed_on(
        path in "(/(api|v1|resident|holds|status|public|sessions|availability|healthz|metrics|[0-9]{1,3})){1,8}/?"
    ) {
        let exact = path == "/healthz" || path == "/metrics" || path == "/api/v1/resident/holds"
            || (path.starts_with("/api/v1/public/sessions/") && path.ends_with("/availability"));
        if !exact {
            for method in methods() {
                prop_assert_eq!(route_of(&method, &path), Route::Passed);
            }
        }
    }
}
