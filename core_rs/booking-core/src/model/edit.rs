//! What staff change while people are booking: limits never go below what is taken (P6).

use super::BookingModel;
use crate::ids::{SessionId, StockId, WindowId};
use crate::quota::Edited;

impl BookingModel {
    /// Set a window's capacity; none when there is no such window.
    pub fn set_capacity(&mut self, window: WindowId, wanted: u32) -> Option<Edited> {
        let window = self.windows.get_mut(&window)?;
        Some(window.places.edit(wanted))
    }

    /// Set a channel's share of a window; none when it has none.
    pub fn set_quota(&mut self, window: WindowId, channel: &str, wanted: u32) -> Option<Edited> {
        let quota = self.quotas.get_mut(&(window, channel.to_owned()))?;
        Some(quota.share.edit(wanted))
    }

    /// Set a stock in whole vials, never below those that claims have begun; none when there is no such stock.
    pub fn set_vials(&mut self, stock: StockId, wanted: u32) -> Option<Edited> {
        Some(self.stocks.get_mut(&stock)?.edit(wanted))
    }

    /// End booking of a session; what is held or booked stays.
    pub fn close(&mut self, session: SessionId) {
        self.closed.insert(session);
    }
}
