//! HTTP/1.1 messages read to the letter. Whatever two readers might understand differently is an error here: what the gate
//! sends on has to be plain to the strictest application.

use std::io;

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// A request or a response.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// The first line.
    pub start: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    /// Whether the body came to the end that was announced.
    pub complete: bool,
}

impl Message {
    pub fn status(&self) -> u16 {
        let word = self.start.split(' ').nth(1).unwrap();
        word.parse().unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} twice: {:?}", self.headers);
        value
    }

    pub fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known == name)
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The code of a problem, which has to be one in every respect.
    pub fn problem(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(self.header("cache-control"), Some("no-store"));
        let json = self.json();
        assert_eq!(json["status"], self.status());
        json["code"].as_str().unwrap().to_owned()
    }
}

fn unclear(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

/// One side of a connection.
pub struct Reader<S> {
    stream: S,
    held: BytesMut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Reader<S> {
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            held: BytesMut::new(),
        }
    }

    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    pub async fn hang_up(&mut self) {
        // Whoever has gone already needs no goodbye.
        let _ = self.stream.shutdown().await;
    }

    /// Whatever comes next; nothing at the end.
    pub async fn some(&mut self) -> Bytes {
        if self.held.is_empty() && self.stream.read_buf(&mut self.held).await.is_err() {
            return Bytes::new();
        }
        self.held.split().freeze()
    }

    /// The next so many bytes.
    pub async fn exactly(&mut self, count: usize) -> io::Result<Bytes> {
        if self.has(count).await? {
            Ok(self.held.split_to(count).freeze())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    /// Everything until the other side hangs up.
    pub async fn rest(&mut self) -> Bytes {
        while matches!(self.stream.read_buf(&mut self.held).await, Ok(read) if read > 0) {}
        self.held.split().freeze()
    }

    /// Reads until at least `count` bytes are there; false where the stream ends before.
    async fn has(&mut self, count: usize) -> io::Result<bool> {
        while self.held.len() < count {
            if self.stream.read_buf(&mut self.held).await? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A line without its end; none where the stream ends before.
    async fn line(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = self.held.iter().position(|byte| *byte == b'\n') {
                let line = self.held.split_to(end + 1);
                let line = line[..end]
                    .strip_suffix(b"\r")
                    .ok_or_else(|| unclear("a bare line feed"))?;
                if line.contains(&b'\r') || line.contains(&0) {
                    return Err(unclear("a bare carriage return, or a zero"));
                }
                // Values may hold any other byte: each is a character of Latin-1.
                return Ok(Some(line.iter().map(|byte| char::from(*byte)).collect()));
            }
            if self.stream.read_buf(&mut self.held).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// First line and headers; none where nothing comes any more.
    pub async fn head(&mut self) -> io::Result<Option<Message>> {
        let Some(start) = self.line().await? else {
            return if self.held.is_empty() {
                Ok(None)
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            };
        };
        let mut headers = Vec::new();
        loop {
            let line = self.line().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| unclear("no colon"))?;
            let token =
                |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            if name.is_empty() || !name.bytes().all(token) {
                return Err(unclear(format!("no header name: {name:?}")));
            }
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Ok(Some(Message {
            start,
            headers,
            ..Message::default()
        }))
    }

    /// A request, understood only where it can be understood in one way.
    pub async fn request(&mut self) -> io::Result<Option<Message>> {
        let Some(mut message) = self.head().await? else {
            return Ok(None);
        };
        let words: Vec<_> = message.start.split(' ').collect();
        let plain = matches!(words[..], [_, target, "HTTP/1.1"] if target.starts_with('/') || target == "*");
        if !plain {
            return Err(unclear(format!("first line {:?}", message.start)));
        }
        let count = |name: &str| {
            message
                .headers
                .iter()
                .filter(|(known, _)| known == name)
                .count()
        };
        if count("host") != 1 || count("content-length") + count("transfer-encoding") > 1 {
            return Err(unclear(format!("{:?}", message.headers)));
        }
        self.body(&mut message, false).await?;
        Ok(Some(message))
    }

    /// A response to a request of `method`; one that breaks off is told with `complete` false.
    pub async fn response(&mut self, method: &str) -> io::Result<Message> {
        let mut message = self.head().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let status = message.status();
        let none = method == "HEAD" || status < 200 || matches!(status, 204 | 304);
        if none {
            message.complete = true;
        } else {
            self.body(&mut message, true).await?;
        }
        Ok(message)
    }

    async fn body(&mut self, message: &mut Message, may_end_by_hanging_up: bool) -> io::Result<()> {
        let mut body = BytesMut::new();
        message.complete = if let Some(coding) = message.header("transfer-encoding") {
            if coding != "chunked" {
                return Err(unclear(format!("transfer-encoding {coding:?}")));
            }
            self.chunks(&mut body).await?
        } else if let Some(length) = message.header("content-length") {
            let length: usize = length.parse().map_err(|_| unclear("content-length"))?;
            let whole = self.has(length).await?;
            body = self.held.split_to(length.min(self.held.len()));
            whole
        } else if may_end_by_hanging_up {
            body.extend_from_slice(&self.rest().await);
            true
        } else {
            true
        };
        message.body = body.freeze();
        Ok(())
    }

    async fn chunks(&mut self, body: &mut BytesMut) -> io::Result<bool> {
        loop {
            let Some(line) = self.line().await? else {
                return Ok(false);
            };
            let size = usize::from_str_radix(&line, 16).map_err(|_| unclear("chunk size"))?;
            if size == 0 {
                return Ok(self.line().await?.is_some_and(|line| line.is_empty()));
            }
            if !self.has(size + 2).await? {
                body.extend_from_slice(&self.held.split());
                return Ok(false);
            }
            body.extend_from_slice(&self.held[..size]);
            if &self.held[size..size + 2] != b"\r\n" {
                return Err(unclear("a chunk without its end"));
            }
            self.held.advance(size + 2);
        }
    }
}
