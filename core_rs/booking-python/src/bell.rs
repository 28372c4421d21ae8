//! Waking an event loop from another thread without touching Python: a socket that the loop watches.
//!
//! One ring serves everything that gathers before it is heard.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyTuple};

/// Both ends of the socket, and whether a ring is on its way.
pub struct Bell {
    rope: UnixStream,
    ear: UnixStream,
    ringing: AtomicBool,
}

impl Bell {
    /// A bell that nobody watches yet.
    pub fn new() -> io::Result<Self> {
        let (rope, ear) = UnixStream::pair()?;
        rope.set_nonblocking(true)?;
        ear.set_nonblocking(true)?;
        Ok(Self {
            rope,
            ear,
            ringing: AtomicBool::new(false),
        })
    }

    /// Wakes the loop, from any thread.
    pub fn ring(&self) {
        if !self.ringing.swap(true, Ordering::AcqRel) {
            // Nobody listening any more means that nobody wants to know.
            let _ = (&self.rope).write(&[1]);
        }
    }

    /// Called by the loop before it looks what there is: what arrives afterwards rings again.
    pub fn hush(&self) {
        let mut bytes = [0_u8; 64];
        loop {
            match (&self.ear).read(&mut bytes) {
                Ok(count) if count == bytes.len() => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                _ => break,
            }
        }
        self.ringing.store(false, Ordering::Release);
    }

    /// Lets `event_loop` call `heard` whenever the bell rings. The loop may belong to another thread.
    pub fn watch<F>(&self, event_loop: &Bound<'_, PyAny>, heard: F) -> PyResult<Py<PyAny>>
    where
        F: Fn(Python<'_>) -> PyResult<()> + Send + Sync + 'static,
    {
        let callback = PyCFunction::new_closure(
            event_loop.py(),
            None,
            None,
            move |args: &Bound<'_, PyTuple>, _: Option<&Bound<'_, PyDict>>| heard(args.py()),
        )?;
        let add_reader = event_loop.getattr("add_reader")?;
        event_loop.call_method1(
            "call_soon_threadsafe",
            (add_reader, self.ear.as_raw_fd(), &callback),
        )?;
        Ok(callback.into_any().unbind())
    }

    /// The loop stops watching; where it has been closed there is nothing to stop.
    pub fn unwatch(&self, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        if event_loop.call_method0("is_closed")?.is_truthy()? {
            return Ok(());
        }
        let remove_reader = event_loop.getattr("remove_reader")?;
        event_loop
            .call_method1(
                "call_soon_threadsafe",
                (remove_reader, self.ear.as_raw_fd()),
            )
            .map(drop)
    }
}
