//! Options of the gate, out of a dictionary.

use std::time::Duration;

use booking_gate::limits::Rate;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// One option out of the keyword arguments, which all have to be there.
pub fn option<'py, T: for<'a> FromPyObject<'a, 'py>>(
    options: &Bound<'py, PyDict>,
    name: &str,
) -> PyResult<T> {
    let value = options
        .get_item(name)?
        .ok_or_else(|| PyValueError::new_err(format!("{name} is missing")))?;
    value.extract().map_err(Into::into)
}

/// A time above zero.
pub fn seconds(options: &Bound<'_, PyDict>, name: &str) -> PyResult<Duration> {
    let seconds: f64 = option(options, name)?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|time| !time.is_zero())
        .ok_or_else(|| PyValueError::new_err(format!("{name} must be a time")))
}

/// A rate, as `(per_s, burst)`.
pub fn rate(options: &Bound<'_, PyDict>, name: &str) -> PyResult<Rate> {
    let (per_s, burst): (f64, u32) = option(options, name)?;
    if !(per_s > 0.0 && per_s.is_finite()) || burst == 0 {
        return Err(PyValueError::new_err(format!("{name} must be above zero")));
    }
    Ok(Rate { per_s, burst })
}
