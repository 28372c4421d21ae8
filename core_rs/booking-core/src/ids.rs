//! Names of things, so that a window is never taken for a stock.

macro_rules! id {
    ($(#[$about:meta])* $name:ident($number:ty)) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub $number);
    };
}

id!(
    /// A clinic session: one clinic, one day, one kind of service.
    SessionId(i64)
);
id!(
    /// A window of a clinic session, such as 09:00-09:30.
    WindowId(i64)
);
id!(
    /// The stock of one product in a clinic session.
    StockId(i64)
);
id!(
    /// Somebody who is to be vaccinated.
    PersonId(i64)
);
id!(
    /// A hold or reservation, from its beginning to its end: how many claims were made before it.
    ClaimId(usize)
);
