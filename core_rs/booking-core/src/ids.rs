//! Names of things, so that a window is never taken for a stock.

macro_rules! id {
    ($(#[$about:meta])* $name:ident) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub i64);
    };
}

id!(
    /// A clinic session: one clinic, one day, one kind of service.
    SessionId
);
id!(
    /// A window of a clinic session, such as 09:00-09:30.
    WindowId
);
id!(
    /// The stock of one product in a clinic session.
    StockId
);
id!(
    /// Somebody who is to be vaccinated.
    PersonId
);
id!(
    /// A hold or reservation, from its beginning to its end.
    ClaimId
);
