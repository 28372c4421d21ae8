//! `humiao._core`: what Python sees of booking-core and booking-redis. Convert, call, convert back.

mod admitter;
mod bell;
mod errors;
mod gate;
mod ledger;
mod lottery;
mod model;
mod options;
mod outcome;
mod room;
mod rooms;
mod session_state;
mod waitlist;

use mimalloc::MiMalloc;
use pyo3::prelude::*;

/// A request allocates some fifty small pieces and frees them at once, on several threads.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// The compiled core of Humiao.
#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add(
        "FUNCTION_LIBRARY_VERSION",
        booking_redis::Library::production().version(),
    )?;
    module.add_class::<admitter::Admitter>()?;
    module.add_class::<gate::PyGate>()?;
    module.add_class::<model::PyBookingModel>()?;
    module.add_class::<rooms::PyGateRooms>()?;
    module.add_class::<session_state::PySessionState>()?;
    module.add_function(wrap_pyfunction!(lottery::draw_commitment, module)?)?;
    module.add_function(wrap_pyfunction!(lottery::draw_seed, module)?)?;
    module.add_function(wrap_pyfunction!(lottery::draw_keys, module)?)?;
    module.add_function(wrap_pyfunction!(lottery::draw_order, module)?)?;
    module.add_function(wrap_pyfunction!(lottery::draw_tickets_digest, module)?)?;
    module.add_function(wrap_pyfunction!(lottery::draw_result_digest, module)?)?;
    module.add_function(wrap_pyfunction!(room::room_earn, module)?)?;
    module.add_function(wrap_pyfunction!(room::room_spend, module)?)?;
    module.add_function(wrap_pyfunction!(room::room_slowed, module)?)?;
    module.add_function(wrap_pyfunction!(room::room_outlook, module)?)?;
    module.add_function(wrap_pyfunction!(waitlist::waitlist_order, module)?)?;
    module.add_function(wrap_pyfunction!(waitlist::why_before, module)?)?;
    errors::register(module)
}
