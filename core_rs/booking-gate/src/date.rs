//! The line of the date in answers that are written here (RFC 9110, 6.6.1), made once a second.

use std::cell::RefCell;
use std::time::{Duration, UNIX_EPOCH};

use booking_core::time::Instant;

thread_local! {
    static DATE: RefCell<Date> = const { RefCell::new(Date { second: u64::MAX, text: String::new() }) };
}

/// The last second that the format has.
const LAST_SECOND: u64 = 253_402_300_799;

struct Date {
    second: u64,
    text: String,
}

/// Writes the line, without its end. `now` is by the database's clock, as all times that people are told.
pub fn write(out: &mut Vec<u8>, now: Instant) {
    DATE.with_borrow_mut(|date| date.write(out, now));
}

impl Date {
    fn write(&mut self, out: &mut Vec<u8>, now: Instant) {
        let second = u64::try_from(now.0.div_euclid(1000)).unwrap_or_default();
        let second = second.min(LAST_SECOND);
        if second != self.second {
            self.second = second;
            let time = UNIX_EPOCH + Duration::from_secs(second);
            self.text = format!("date: {}", httpdate::fmt_http_date(time));
        }
        out.extend_from_slice(self.text.as_bytes());
    }
}
