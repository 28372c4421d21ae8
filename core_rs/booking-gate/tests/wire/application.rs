//! The application behind the gate, played by the test: it accepts, reads requests to the letter and says what it is told.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use booking_gate::settings::Upstream;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

use crate::stage::LONG;
use crate::stage::message::{Message, Reader};

pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// A connection from the gate.
pub type Line = Reader<Box<dyn Duplex>>;

enum Listener {
    Unix(UnixListener, PathBuf),
    Tcp(TcpListener),
}

pub struct Application {
    listener: Listener,
}

impl Application {
    pub async fn on_tcp() -> Self {
        Self::on_address("127.0.0.1:0").await
    }

    pub async fn on_address(address: &str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        Self {
            listener: Listener::Tcp(listener),
        }
    }

    pub fn on_unix() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("humiao-gate-{}-{number}.sock", std::process::id());
        let path = std::env::temp_dir().join(name);
        // What an earlier run of this number left behind.
        let _ = std::fs::remove_file(&path);
        Self {
            listener: Listener::Unix(UnixListener::bind(&path).unwrap(), path),
        }
    }

    pub fn place(&self) -> Upstream {
        match &self.listener {
            Listener::Unix(_, path) => Upstream::Unix(path.clone()),
            Listener::Tcp(listener) => Upstream::Tcp(listener.local_addr().unwrap().to_string()),
        }
    }

    /// The next connection from the gate, however long it takes.
    pub async fn accept(&self) -> Line {
        Reader::new(match &self.listener {
            Listener::Unix(listener, _) => Box::new(listener.accept().await.unwrap().0),
            Listener::Tcp(listener) => Box::new(listener.accept().await.unwrap().0),
        })
    }

    /// The next connection from the gate.
    pub async fn line(&self) -> Line {
        let line = tokio::time::timeout(LONG, self.accept());
        line.await.expect("the gate comes")
    }

    /// The next connection and the request on it.
    pub async fn asked(&self) -> (Line, Message) {
        let mut line = self.line().await;
        let message = asked(&mut line).await;
        (line, message)
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        if let Listener::Unix(_, path) = &self.listener {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// The next request on a connection.
pub async fn asked(line: &mut Line) -> Message {
    let request = tokio::time::timeout(LONG, line.request());
    let request = request.await.expect("a request in time");
    request.expect("a plain request").expect("a request")
}

/// Says yes, with a body.
pub async fn say(line: &mut Line, body: &str) {
    let text = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    line.send(text.as_bytes()).await.unwrap();
}
