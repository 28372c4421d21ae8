//! Keeps one connection to the cache, with the function library loaded behind it.
//!
//! A keeper task connects on first need, checks the library on every primary, looks after the connection, and comes back
//! with growing pauses when it is lost. Meanwhile callers learn at once that the cache is away; only the very first
//! connection is waited for.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{MultipleNodeRoutingInfo, ResponsePolicy, RoutingInfo};
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Cmd, ConnectionAddr, ErrorKind, RedisError, ServerErrorKind, TlsMode,
    Value,
};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use crate::call;
use crate::endpoint::{Endpoint, Login};
use crate::error::CacheError;
use crate::library::Library;
use crate::reply;

/// First pause after a failed connection; doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// How often an idle connection is tried, so that a restart is noticed before somebody needs it.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// What the link needs to know.
#[derive(Debug, Clone)]
pub(crate) struct LinkSettings {
    pub endpoint: Endpoint,
    pub connect_timeout: Duration,
    pub response_timeout: Duration,
    pub library: Library,
}

/// A connection that may be cloned; all clones share one socket per node.
#[derive(Clone)]
enum Connection {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// A connection, and where whoever finds it spoiled says so: of this one, never of the next.
#[derive(Clone)]
struct Kept {
    connection: Connection,
    lost: Arc<Notify>,
}

#[derive(Clone)]
enum State {
    /// Not yet tried, or the first try is under way.
    Beginning,
    Up(Kept),
    Away(Arc<str>),
}

/// Handle to the connection; clones share it.
#[derive(Clone)]
pub(crate) struct Link {
    settings: Arc<LinkSettings>,
    state: watch::Receiver<State>,
    wanted: Arc<Notify>,
}

impl Link {
    /// Prepares the link and spawns its keeper on the given runtime; connects when first used.
    pub(crate) fn start(settings: LinkSettings, runtime: &tokio::runtime::Handle) -> Self {
        let (report, state) = watch::channel(State::Beginning);
        let link = Self {
            settings: Arc::new(settings),
            state,
            wanted: Arc::new(Notify::new()),
        };
        runtime.spawn(keep(
            Arc::clone(&link.settings),
            report,
            Arc::clone(&link.wanted),
        ));
        link
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.settings.endpoint
    }

    /// Sends one command and waits for its answer, at most about twice the response timeout.
    ///
    /// A server that came back empty does not know the function: nothing has happened there, so the library is loaded
    /// again and the command sent once more.
    pub(crate) async fn call(&self, cmd: &Cmd) -> Result<Value, CacheError> {
        let Kept {
            mut connection,
            lost,
        } = self.kept().await?;
        let bound = self.settings.response_timeout;
        let mut answer = bounded(bound, connection.send(cmd)).await;
        if matches!(&answer, Err(error) if library_is_missing(error)) {
            answer = match bounded(
                self.settings.connect_timeout,
                ensure_library(&mut connection, &self.settings.library),
            )
            .await
            {
                Ok(()) => bounded(bound, connection.send(cmd)).await,
                Err(error) => Err(error),
            };
        }
        answer.map_err(|error| {
            if connection.is_spoiled_by(&error) {
                lost.notify_one();
            }
            error.into()
        })
    }

    /// Waits for the first connection; later an absent one is an answer at once.
    async fn kept(&self) -> Result<Kept, CacheError> {
        self.wanted.notify_one();
        let mut state = self.state.clone();
        let first = timeout(
            self.settings.connect_timeout,
            state.wait_for(|state| !matches!(state, State::Beginning)),
        )
        .await;
        match first {
            Ok(Ok(state)) => match &*state {
                State::Up(kept) => Ok(kept.clone()),
                State::Away(why) => Err(CacheError::Unavailable(why.to_string())),
                State::Beginning => Err(CacheError::Unavailable("not connected".to_owned())),
            },
            Ok(Err(_)) => Err(CacheError::Unavailable("closed".to_owned())),
            Err(_) => Err(CacheError::Unavailable("no connection in time".to_owned())),
        }
    }
}

impl Connection {
    async fn send(&mut self, cmd: &Cmd) -> Result<Value, RedisError> {
        let value = match self {
            Self::Single(connection) => connection.req_packed_command(cmd).await,
            Self::Cluster(connection) => connection.req_packed_command(cmd).await,
        }?;
        // In the multiplexed connection an error of the server may still be wrapped in the value.
        value.extract_error()
    }

    /// Whether only a new connection helps. A cluster connection mends itself, and one lost node is not the cluster.
    fn is_spoiled_by(&self, error: &RedisError) -> bool {
        match self {
            Self::Single(_) => {
                error.is_unrecoverable_error()
                    || matches!(
                        error.kind(),
                        ErrorKind::Io
                            | ErrorKind::Server(
                                ServerErrorKind::ReadOnly
                                    | ServerErrorKind::MasterDown
                                    | ServerErrorKind::BusyLoading
                            )
                    )
            }
            Self::Cluster(_) => false,
        }
    }
}

/// Runs for the life of the link: connect, watch, reconnect.
async fn keep(settings: Arc<LinkSettings>, report: watch::Sender<State>, wanted: Arc<Notify>) {
    wanted.notified().await;
    let mut pause = PAUSE_MIN;
    loop {
        // Connecting takes several round trips and, with Sentinel, several servers; the bound covers all of it.
        let attempt = bounded(settings.connect_timeout, connect(&settings)).await;
        match attempt {
            Ok(connection) => {
                pause = PAUSE_MIN;
                let kept = Kept {
                    connection,
                    lost: Arc::default(),
                };
                if report.send(State::Up(kept.clone())).is_err() {
                    return;
                }
                let why = watch_over(kept, &settings, &report).await;
                if report.send(State::Away(why.into())).is_err() {
                    return;
                }
            }
            Err(error) => {
                if report.send(State::Away(error.to_string().into())).is_err() {
                    return;
                }
                tokio::select! {
                    () = sleep(pause) => {}
                    () = report.closed() => return,
                }
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}

/// Returns, with the reason, when the connection should be replaced.
async fn watch_over(kept: Kept, settings: &LinkSettings, report: &watch::Sender<State>) -> String {
    let Kept {
        mut connection,
        lost,
    } = kept;
    let ping = redis::cmd("PING");
    loop {
        tokio::select! {
            () = lost.notified() => return "connection lost".to_owned(),
            () = report.closed() => return "closed".to_owned(),
            () = sleep(HEARTBEAT) => {}
        }
        if let Err(error) = bounded(settings.response_timeout, connection.send(&ping)).await
            && connection.is_spoiled_by(&error)
        {
            return error.to_string();
        }
    }
}

async fn connect(settings: &LinkSettings) -> Result<Connection, RedisError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(settings.connect_timeout))
        .set_response_timeout(Some(settings.response_timeout));
    let mut connection = match &settings.endpoint {
        Endpoint::Single(info) => {
            let client = redis::Client::open((**info).clone())?;
            Connection::Single(
                client
                    .get_multiplexed_async_connection_with_config(&config)
                    .await?,
            )
        }
        Endpoint::Sentinel {
            nodes,
            service,
            db,
            login,
            tls,
        } => {
            let mut builder = SentinelClientBuilder::new(
                nodes.iter().map(|(host, port)| address(host, *port, *tls)),
                service,
                SentinelServerType::Master,
            )?
            .set_client_to_redis_db(*db);
            if *tls {
                builder = builder
                    .set_client_to_redis_tls_mode(TlsMode::Secure)
                    .set_client_to_sentinel_tls_mode(TlsMode::Secure);
            }
            if let Some(username) = &login.username {
                builder = builder.set_client_to_redis_username(username);
            }
            if let Some(password) = &login.password {
                builder = builder.set_client_to_redis_password(password);
            }
            Connection::Single(
                builder
                    .build()?
                    .get_async_connection_with_config(&config)
                    .await?,
            )
        }
        Endpoint::Cluster { nodes, login, tls } => {
            Connection::Cluster(connect_cluster(settings, nodes, login, *tls).await?)
        }
    };
    ensure_library(&mut connection, &settings.library).await?;
    Ok(connection)
}

async fn connect_cluster(
    settings: &LinkSettings,
    nodes: &[(String, u16)],
    login: &Login,
    tls: bool,
) -> Result<ClusterConnection, RedisError> {
    let mut builder =
        ClusterClientBuilder::new(nodes.iter().map(|(host, port)| address(host, *port, tls)))
            .connection_timeout(settings.connect_timeout)
            .response_timeout(settings.response_timeout)
            .overall_response_timeout(Some(settings.response_timeout))
            .retries(3)
            .min_retry_wait(20)
            .max_retry_wait(200);
    if tls {
        builder = builder.tls(TlsMode::Secure);
    }
    if let Some(username) = &login.username {
        builder = builder.username(username);
    }
    if let Some(password) = &login.password {
        builder = builder.password(password);
    }
    builder.build()?.get_async_connection().await
}

fn address(host: &str, port: u16, tls: bool) -> ConnectionAddr {
    if tls {
        ConnectionAddr::TcpTls {
            host: host.to_owned(),
            port,
            insecure: false,
            tls_params: None,
        }
    } else {
        ConnectionAddr::Tcp(host.to_owned(), port)
    }
}

/// Loads the library on every primary unless all of them answer its version.
async fn ensure_library(connection: &mut Connection, library: &Library) -> Result<(), RedisError> {
    let mut load = redis::cmd("FUNCTION");
    load.arg("LOAD").arg("REPLACE").arg(library.code());
    match connection {
        Connection::Single(single) => {
            let current = single
                .req_packed_command(&call::version())
                .await
                .and_then(Value::extract_error);
            if needs_loading(current, library)? {
                single.req_packed_command(&load).await?.extract_error()?;
            }
        }
        Connection::Cluster(cluster) => {
            let everywhere =
                |policy| RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, policy));
            let answers = cluster
                .route_command(call::version(), everywhere(None))
                .await?;
            let mut missing = false;
            if let Value::Map(answers) = answers {
                for (_, answer) in answers {
                    missing |= needs_loading(answer.extract_error(), library)?;
                }
            }
            if missing {
                cluster
                    .route_command(load, everywhere(Some(ResponsePolicy::AllSucceeded)))
                    .await?;
            }
        }
    }
    Ok(())
}

/// Whether a node's answer to `version` asks for the library; other errors stay errors.
fn needs_loading(answer: Result<Value, RedisError>, library: &Library) -> Result<bool, RedisError> {
    match answer {
        Ok(value) => Ok(reply::text(&value).map_or(true, |version| version != library.version())),
        Err(error) if library_is_missing(&error) => Ok(true),
        Err(error) => Err(error),
    }
}

/// The server has no error code of its own for this, only the text.
fn library_is_missing(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::ResponseError)
        && error.to_string().contains("Function not found")
}

async fn bounded<T>(
    bound: Duration,
    work: impl Future<Output = Result<T, RedisError>>,
) -> Result<T, RedisError> {
    match timeout(bound, work).await {
        Ok(result) => result,
        Err(_) => {
            Err(std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer in time").into())
        }
    }
}
