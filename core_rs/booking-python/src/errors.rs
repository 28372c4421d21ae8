//! Each error of the core keeps its own Python class.

use booking_redis::CacheError;
use pyo3::create_exception;
use pyo3::exceptions::{PyConnectionError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;

create_exception!(
    humiao._core,
    CacheUnavailable,
    PyConnectionError,
    "The cache is away, refuses to serve just now, or the admitter has been closed."
);
create_exception!(
    humiao._core,
    CacheAddressError,
    PyValueError,
    "The cache's address is not understood."
);
create_exception!(
    humiao._core,
    CacheReplyError,
    PyRuntimeError,
    "The cache answered outside its contract; its state should be rebuilt."
);
create_exception!(
    humiao._core,
    CounterFieldError,
    PyValueError,
    "No counter has such a field name."
);
create_exception!(
    humiao._core,
    EntrantsError,
    PyValueError,
    "A list of entrants that cannot be drawn: a ticket is malformed or there twice, or the columns do not agree."
);

/// The Python exception of a cache error.
pub fn from_cache(error: &CacheError) -> PyErr {
    let text = error.to_string();
    match error {
        CacheError::BadEndpoint(_) => CacheAddressError::new_err(text),
        CacheError::Unavailable(_) => CacheUnavailable::new_err(text),
        CacheError::UnexpectedReply(_) => CacheReplyError::new_err(text),
        CacheError::BadField(_) => CounterFieldError::new_err(text),
        CacheError::BadStanding(_) => PyValueError::new_err(text),
    }
}

/// Adds the classes to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("CacheUnavailable", py.get_type::<CacheUnavailable>())?;
    module.add("CacheAddressError", py.get_type::<CacheAddressError>())?;
    module.add("CacheReplyError", py.get_type::<CacheReplyError>())?;
    module.add("CounterFieldError", py.get_type::<CounterFieldError>())?;
    module.add("EntrantsError", py.get_type::<EntrantsError>())?;
    Ok(())
}
