//! The line of the date in answers that are written here (RFC 9110, 6.6.1), made once a second.

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

thread_local! {
    static DATE: RefCell<Date> = const { RefCell::new(Date { second: u64::MAX, text: String::new() }) };
}

struct Date {
    second: u64,
    text: String,
}

/// Writes the line, without its end.
pub fn write(out: &mut Vec<u8>) {
    DATE.with_borrow_mut(|date| date.write(out));
}

impl Date {
    fn write(&mut self, out: &mut Vec<u8>) {
        let now = SystemTime::now();
        let second = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        if second != self.second {
            self.second = second;
            self.text = format!("date: {}", httpdate::fmt_http_date(now));
        }
        out.extend_from_slice(self.text.as_bytes());
    }
}
