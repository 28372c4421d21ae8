//! Sends prepared requests at a fixed rate, whatever the answers do (an open loop), and tells how long each took from the
//! moment at which it *should* have left: waiting for a connection counts. Run by `bench/rush`, which writes the requests.
//!
//! ```text
//! pace port 8000 requests FILE rate 10000 connections 2048 seconds 5 lead 1 answers FILE
//! pace port 8000 idle 10000 slow 200          a crowd that only sits there, until its input ends
//! ```
//!
//! Each request in the file is preceded by its length: five digits and a line end. One line of JSON tells the outcome; the
//! answers go to a file, one line each: place in the file of requests, status, microseconds, hold or `-`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a tool of measurement says what is wrong by ending"
)]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::future::poll_fn;
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

/// Asks for next to nothing.
const ALIVE: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: humiao.test\r\n\r\n";
/// How often what is due is let go.
const TICK: Duration = Duration::from_millis(1);
/// What has no answer so long after the last was sent is given up.
const PATIENCE: Duration = Duration::from_secs(10);
/// A slow client sends a byte this often.
const SLOW_PAUSE: Duration = Duration::from_secs(1);

/// Words of the command line: a name and a value each.
struct Words(Vec<String>);

impl Words {
    fn text(&self, name: &str) -> Option<&str> {
        let place = self.0.iter().position(|word| word == name)?;
        self.0.get(place + 1).map(String::as_str)
    }

    fn number(&self, name: &str) -> usize {
        self.text(name)
            .map_or(0, |text| text.parse().expect("a number"))
    }
}

/// Requests in one piece of memory, and where each begins and ends.
struct Requests {
    bytes: Vec<u8>,
    at: Vec<(usize, usize)>,
}

impl Requests {
    fn read(path: &str) -> Self {
        let bytes = std::fs::read(path).expect("the file of requests");
        let mut at = Vec::new();
        let mut place = 0;
        while let Some(head) = bytes.get(place..place + 6) {
            let length: usize = std::str::from_utf8(&head[..5])
                .unwrap()
                .parse()
                .expect("a length");
            at.push((place + 6, place + 6 + length));
            place += 6 + length;
        }
        Self { bytes, at }
    }
}

/// One answer.
struct Answer {
    request: usize,
    status: u16,
    took: Duration,
    hold: Option<String>,
}

/// Requests that are due, and connections with nothing to do.
#[derive(Default)]
struct Line {
    due: VecDeque<(usize, Instant)>,
    idle: Vec<Waker>,
    over: bool,
    ready: usize,
    answers: Vec<Answer>,
    broken: usize,
}

type Shared = Rc<RefCell<Line>>;

async fn next(line: &Shared) -> Option<(usize, Instant)> {
    poll_fn(|context| {
        let mut line = line.borrow_mut();
        match line.due.pop_front() {
            Some(due) => Poll::Ready(Some(due)),
            None if line.over => Poll::Ready(None),
            None => {
                line.idle.push(context.waker().clone());
                Poll::Pending
            }
        }
    })
    .await
}

/// The whole of one answer in `buffer`: its status, where it ends and where its body begins.
fn parsed(buffer: &[u8]) -> Option<(u16, usize, usize)> {
    let body = buffer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&buffer[..body]).expect("a head in ASCII");
    let status = head.get(9..12)?.parse().ok()?;
    let length = head
        .split("\r\n")
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.parse().expect("a length"));
    (buffer.len() >= body + length).then_some((status, body + length, body))
}

/// The hold that an answer names.
fn hold_of(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once("\"hold_id\"")?;
    // PostgreSQL writes JSON with spaces around the colon, the API without.
    rest.trim_start()
        .strip_prefix(':')?
        .trim_start()
        .strip_prefix('"')?
        .get(..36)
        .map(str::to_owned)
}

async fn exchange(
    stream: &mut TcpStream,
    request: &[u8],
    buffer: &mut Vec<u8>,
) -> std::io::Result<(u16, Option<String>)> {
    stream.write_all(request).await?;
    buffer.clear();
    loop {
        if let Some((status, end, body)) = parsed(buffer) {
            return Ok((status, hold_of(&buffer[body..end])));
        }
        if stream.read_buf(buffer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// One connection: the next due request whenever it has its answer. A broken one is opened anew. What is open at the end
/// is given back.
async fn converse(address: SocketAddr, requests: Rc<Requests>, line: Shared) -> Option<TcpStream> {
    let mut buffer = Vec::with_capacity(2048);
    // One small request first: the other side has taken the connection before anything is measured.
    let mut stream = connected(address).await.ok();
    if let Some(stream) = &mut stream {
        let _ = exchange(stream, ALIVE, &mut buffer).await;
    }
    line.borrow_mut().ready += 1;
    while let Some((request, due_at)) = next(&line).await {
        let (from, to) = requests.at[request];
        let answered = async {
            let stream = match &mut stream {
                Some(stream) => stream,
                none => none.insert(connected(address).await?),
            };
            exchange(stream, &requests.bytes[from..to], &mut buffer).await
        }
        .await;
        let mut line = line.borrow_mut();
        if let Ok((status, hold)) = answered {
            line.answers.push(Answer {
                request,
                status,
                took: due_at.elapsed(),
                hold,
            });
        } else {
            stream = None;
            line.broken += 1;
        }
    }
    stream
}

async fn connected(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Lets requests go when they are due; `rate` a second for so long. Tells how many were due.
async fn release(line: &Shared, count_max: usize, rate: usize, length: Duration) -> usize {
    let began = Instant::now();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut released = 0;
    loop {
        ticks.tick().await;
        let passed = began.elapsed().min(length);
        let due = usize::try_from(passed.as_micros() * rate as u128 / 1_000_000)
            .unwrap()
            .min(count_max);
        let mut line = line.borrow_mut();
        for request in released..due {
            let after = Duration::from_nanos((request as u64 + 1) * 1_000_000_000 / rate as u64);
            line.due.push_back((request, began + after));
            if let Some(waker) = line.idle.pop() {
                waker.wake();
            }
        }
        released = due;
        if passed >= length {
            return released;
        }
    }
}

/// Quantiles of how long something took (ms).
fn quantiles(mut took: Vec<Duration>) -> String {
    took.sort_unstable();
    let at = |share: usize| {
        let place = (took.len() * share / 1000).min(took.len().saturating_sub(1));
        took.get(place).map_or(0.0, Duration::as_secs_f64) * 1000.0
    };
    format!(
        "{{\"p50\":{:.3},\"p99\":{:.3},\"p999\":{:.3},\"max\":{:.3}}}",
        at(500),
        at(990),
        at(999),
        at(1000)
    )
}

/// `lead`: so many of the first requests are told of, but how long they took is not: a load that has just begun meets plans
/// and caches that nobody has used since the round was prepared.
fn told(line: &Line, released: usize, lead: usize, seconds: f64) -> String {
    let counted = |answer: &&Answer| answer.request >= lead;
    let mut text = format!(
        "{{\"due\":{released},\"seconds\":{seconds},\"broken\":{}",
        line.broken
    );
    let unanswered = released - line.answers.len() - line.broken;
    let _ = write!(text, ",\"unanswered\":{unanswered},\"by_status\":{{");
    let mut statuses: Vec<u16> = line.answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    statuses.dedup();
    for (place, status) in statuses.iter().enumerate() {
        let took: Vec<_> = line
            .answers
            .iter()
            .filter(|a| a.status == *status)
            .collect();
        let count = took.len();
        let took: Vec<_> = took.into_iter().filter(counted).map(|a| a.took).collect();
        let comma = if place == 0 { "" } else { "," };
        let _ = write!(
            text,
            "{comma}\"{status}\":{{\"count\":{},\"ms\":{}}}",
            count,
            quantiles(took)
        );
    }
    let _ = write!(
        text,
        "}},\"ms\":{}}}",
        quantiles(
            line.answers
                .iter()
                .filter(counted)
                .map(|answer| answer.took)
                .collect()
        )
    );
    text
}

async fn pace(address: SocketAddr, words: &Words) {
    let requests = Rc::new(Requests::read(
        words.text("requests").expect("requests FILE"),
    ));
    let line = Shared::default();
    let mut connections = JoinSet::new();
    for number in 0..words.number("connections") {
        // Not faster than a listener's queue is emptied.
        if number % 200 == 199 {
            sleep(Duration::from_millis(20)).await;
        }
        connections.spawn_local(converse(address, Rc::clone(&requests), Rc::clone(&line)));
    }
    while line.borrow().ready < connections.len() {
        sleep(TICK).await;
    }
    let seconds = words.number("seconds");
    let length = Duration::from_secs(seconds as u64);
    let released = release(&line, requests.at.len(), words.number("rate"), length).await;
    {
        let mut line = line.borrow_mut();
        line.over = true;
        line.idle.drain(..).for_each(Waker::wake);
    }
    // Kept open until the last answer is there: a thousand that hang up at once would be a load of their own, before which
    // the last requests wait.
    let mut open = Vec::with_capacity(connections.len());
    let _ = timeout(PATIENCE, async {
        while let Some(connection) = connections.join_next().await {
            open.push(connection);
        }
    })
    .await;
    connections.abort_all();
    let line = line.borrow();
    if let Some(path) = words.text("answers") {
        let mut text = String::new();
        for answer in &line.answers {
            let hold = answer.hold.as_deref().unwrap_or("-");
            let _ = writeln!(
                text,
                "{} {} {} {hold}",
                answer.request,
                answer.status,
                answer.took.as_micros()
            );
        }
        std::fs::write(path, text).expect("the file of answers");
    }
    let lead = words.number("lead") * words.number("rate");
    println!("{}", told(&line, released, lead, length.as_secs_f64()));
}

/// Keeps a connection alive after one small request.
async fn sit(address: SocketAddr) {
    let mut buffer = Vec::new();
    while let Ok(mut stream) = connected(address).await {
        if exchange(&mut stream, ALIVE, &mut buffer).await.is_ok() {
            // Closed by the other side after a while; then it comes again.
            let _ = stream.read_u8().await;
        }
        sleep(SLOW_PAUSE).await;
    }
}

/// Sends a head byte by byte and never ends it.
async fn dawdle(address: SocketAddr) {
    while let Ok(mut stream) = connected(address).await {
        let _ = stream
            .write_all(b"POST /api/v1/resident/holds HTTP/1.1\r\nHost: humiao.test\r\nX-Slow: ")
            .await;
        while stream.write_all(b"a").await.is_ok() {
            sleep(SLOW_PAUSE).await;
        }
    }
}

async fn crowd(address: SocketAddr, idle: usize, slow: usize) {
    for number in 0..idle {
        tokio::task::spawn_local(sit(address));
        if number % 200 == 199 {
            sleep(Duration::from_millis(20)).await;
        }
    }
    for _ in 0..slow {
        tokio::task::spawn_local(dawdle(address));
    }
    sleep(Duration::from_secs(1)).await;
    println!("{{\"idle\":{idle},\"slow\":{slow}}}");
    let input = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    let _ = input.await;
}

fn main() {
    let words = Words(std::env::args().skip(1).collect());
    let port = u16::try_from(words.number("port")).expect("a port");
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let (idle, slow) = (words.number("idle"), words.number("slow"));
    LocalSet::new().block_on(&runtime, async {
        if idle + slow > 0 {
            crowd(address, idle, slow).await;
        } else {
            pace(address, &words).await;
        }
    });
    // Tasks that still wait end with the process.
    std::process::exit(0);
}
