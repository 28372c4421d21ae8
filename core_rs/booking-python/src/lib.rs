//! `humiao._core`: what Python sees of booking-core and booking-redis. Convert, call, convert back.

mod admitter;
mod errors;
mod model;
mod session_state;

use pyo3::prelude::*;

/// The compiled core of Humiao.
#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add(
        "FUNCTION_LIBRARY_VERSION",
        booking_redis::Library::production().version(),
    )?;
    module.add_class::<admitter::Admitter>()?;
    module.add_class::<model::PyBookingModel>()?;
    module.add_class::<session_state::PySessionState>()?;
    errors::register(module)
}
