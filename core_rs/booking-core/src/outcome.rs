//! Refusals are values. Their codes are those of the API's problems and of the ledger's statements.

use crate::time::Instant;

/// Why something was not done; nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Staff has ended booking of the session.
    SessionClosed,
    /// There is no such window.
    UnknownWindow,
    /// The window takes no bookings through this channel.
    WrongChannel,
    /// The window's session has no such stock, or of another vaccine.
    NoSuchStock,
    /// The window's booking deadline has passed.
    BookingEnded,
    /// The channel opens later.
    NotYetBookable {
        /// When it opens.
        from: Instant,
    },
    /// The same try is under way.
    InFlight,
    /// The person has a live claim of the same series (P3).
    DuplicateClaim,
    /// No place is free in the window.
    WindowFull,
    /// No place is free in the channel's share.
    ChannelFull,
    /// No dose is free.
    OutOfStock,
    /// Doses are free, but only in vials that nobody has begun, and it is too late to begin one.
    VialNotOpened,
    /// The key has answered another request (P7).
    KeyReused,
    /// There is no such hold.
    UnknownHold,
    /// The token is not the hold's.
    WrongHoldToken,
    /// The hold's deadline has passed.
    HoldExpired,
    /// The hold has ended otherwise.
    HoldEnded,
    /// There is no such reservation.
    UnknownReservation,
    /// The reservation is no longer one that can be cancelled.
    NotCancellable,
    /// The reservation is no longer one that can be moved.
    NotReschedulable,
    /// The reservation is there already.
    SameWindow,
    /// The reservation's window has begun.
    WindowBegun,
}

impl Refusal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::SessionClosed => "session_closed",
            Self::UnknownWindow => "unknown_window",
            Self::WrongChannel => "wrong_channel",
            Self::NoSuchStock => "no_such_stock",
            Self::BookingEnded => "booking_ended",
            Self::NotYetBookable { .. } => "not_yet_bookable",
            Self::InFlight => "in_flight",
            Self::DuplicateClaim => "duplicate_claim",
            Self::WindowFull => "window_full",
            Self::ChannelFull => "channel_full",
            Self::OutOfStock => "out_of_stock",
            Self::VialNotOpened => "vial_not_opened",
            Self::KeyReused => "key_reused",
            Self::UnknownHold => "unknown_hold",
            Self::WrongHoldToken => "wrong_hold_token",
            Self::HoldExpired => "hold_expired",
            Self::HoldEnded => "hold_ended",
            Self::UnknownReservation => "unknown_reservation",
            Self::NotCancellable => "not_cancellable",
            Self::NotReschedulable => "not_reschedulable",
            Self::SameWindow => "same_window",
            Self::WindowBegun => "window_begun",
        }
    }

    /// When asking again may help, where it is known.
    pub const fn retry_at(self) -> Option<Instant> {
        match self {
            Self::NotYetBookable { from } => Some(from),
            _ => None,
        }
    }
}
