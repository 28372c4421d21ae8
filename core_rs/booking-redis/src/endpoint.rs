//! Where the cache is: one server, a Sentinel service, or a Cluster.

use std::str::FromStr;

use redis::{ConnectionInfo, IntoConnectionInfo};

use crate::error::CacheError;

/// Port of a server when the address names none.
const SERVER_PORT: u16 = 6379;
/// Port of a Sentinel when the address names none.
const SENTINEL_PORT: u16 = 26_379;

/// Name and secret, already decoded.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Login {
    /// User of the access control list; none for the default user.
    pub username: Option<String>,
    /// Password.
    pub password: Option<String>,
}

/// Where the cache is.
#[derive(Clone)]
pub enum Endpoint {
    /// `redis://[user:password@]host[:port][/db]`, `rediss://…`, `unix://…`
    Single(Box<ConnectionInfo>),
    /// `redis+sentinel://[user:password@]host[:port],…/service[/db]`, `rediss+sentinel://…` (TLS to servers and Sentinels)
    Sentinel {
        /// Sentinels.
        nodes: Vec<(String, u16)>,
        /// Name of the service that they watch.
        service: String,
        /// Number of the database.
        db: i64,
        /// Login at the servers (Sentinels are asked without one).
        login: Login,
        /// Whether to speak TLS.
        tls: bool,
    },
    /// `redis+cluster://[user:password@]host[:port],…`, `rediss+cluster://…`
    Cluster {
        /// Some nodes to begin with.
        nodes: Vec<(String, u16)>,
        /// Login at every node.
        login: Login,
        /// Whether to speak TLS.
        tls: bool,
    },
}

impl Endpoint {
    /// The mode's name, for people: `single`, `sentinel` or `cluster`.
    pub fn mode(&self) -> &'static str {
        match self {
            Self::Single(_) => "single",
            Self::Sentinel { .. } => "sentinel",
            Self::Cluster { .. } => "cluster",
        }
    }
}

// Written by hand because an address may carry a password.
impl std::fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.mode())
    }
}

impl FromStr for Endpoint {
    type Err = CacheError;

    /// # Errors
    /// [`CacheError::BadEndpoint`]; its text never repeats a password.
    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| bad("no scheme"))?;
        let (tls, kind) = match scheme {
            "redis+sentinel" => (false, "sentinel"),
            "rediss+sentinel" => (true, "sentinel"),
            "redis+cluster" => (false, "cluster"),
            "rediss+cluster" => (true, "cluster"),
            "redis" | "rediss" | "unix" => {
                return url
                    .into_connection_info()
                    .map(|info| Self::Single(Box::new(info)))
                    .map_err(|error| bad(&error.to_string()));
            }
            other => return Err(bad(&format!("unknown scheme {other}"))),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) = match authority.rsplit_once('@') {
            Some((login, hosts)) => (parse_login(login)?, hosts),
            None => (Login::default(), authority),
        };
        if kind == "cluster" {
            if !path.is_empty() && path != "0" {
                return Err(bad("a cluster has no database but 0"));
            }
            return Ok(Self::Cluster {
                nodes: parse_hosts(hosts, SERVER_PORT)?,
                login,
                tls,
            });
        }
        let (service, db) = path.split_once('/').unwrap_or((path, "0"));
        if service.is_empty() {
            return Err(bad("redis+sentinel:// needs /service"));
        }
        Ok(Self::Sentinel {
            nodes: parse_hosts(hosts, SENTINEL_PORT)?,
            service: service.to_owned(),
            db: db.parse().map_err(|_| bad("database is not a number"))?,
            login,
            tls,
        })
    }
}

fn bad(why: &str) -> CacheError {
    CacheError::BadEndpoint(why.to_owned())
}

fn parse_login(text: &str) -> Result<Login, CacheError> {
    let (username, password) = match text.split_once(':') {
        Some((username, password)) => (username, Some(decode(password)?)),
        None => (text, None),
    };
    let username = if username.is_empty() {
        None
    } else {
        Some(decode(username)?)
    };
    Ok(Login { username, password })
}

fn parse_hosts(hosts: &str, default_port: u16) -> Result<Vec<(String, u16)>, CacheError> {
    hosts
        .split(',')
        .map(|host| {
            // An IPv6 address wears brackets, so its colons are not the port's.
            let (name, port) = match host.rsplit_once(':') {
                Some((name, port)) if !port.ends_with(']') => {
                    (name, port.parse().map_err(|_| bad("port is not a number"))?)
                }
                _ => (host, default_port),
            };
            let name = name.trim_start_matches('[').trim_end_matches(']');
            if name.is_empty() {
                Err(bad("empty host name"))
            } else {
                Ok((name.to_owned(), port))
            }
        })
        .collect()
}

/// Undoes percent-encoding, as redis:// addresses use it for names and passwords.
fn decode(text: &str) -> Result<String, CacheError> {
    let broken = || bad("broken percent-encoding in the login");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [
                rest.next().ok_or_else(broken)?,
                rest.next().ok_or_else(broken)?,
            ];
            let digits = std::str::from_utf8(&digits).map_err(|_| broken())?;
            bytes.push(u8::from_str_radix(digits, 16).map_err(|_| broken())?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).map_err(|_| broken())
}

#[cfg(test)]
mod tests {
    use super::Endpoint;

    fn nodes(url: &str) -> (Vec<(String, u16)>, Option<String>) {
        match url.parse() {
            Ok(
                Endpoint::Sentinel { nodes, login, .. } | Endpoint::Cluster { nodes, login, .. },
            ) => (nodes, login.password),
            other => (vec![(format!("{other:?}"), 0)], None),
        }
    }

    #[test]
    fn addresses_are_read() {
        let cases = [
            (
                "redis+cluster://a,b:7001",
                vec![("a".to_owned(), 6379), ("b".to_owned(), 7001)],
                None,
            ),
            (
                "redis+cluster://u:p%40w@[::1]:7001",
                vec![("::1".to_owned(), 7001)],
                Some("p@w".to_owned()),
            ),
            (
                "redis+sentinel://:s@a/main",
                vec![("a".to_owned(), 26_379)],
                Some("s".to_owned()),
            ),
        ];
        for (url, hosts, password) in cases {
            assert_eq!(nodes(url), (hosts, password), "{url}");
        }
        assert!(matches!(
            "redis://localhost:1/2".parse(),
            Ok(Endpoint::Single(_))
        ));
        assert!(matches!(
            "rediss://localhost".parse(),
            Ok(Endpoint::Single(_))
        ));
    }

    #[test]
    fn a_broken_address_is_refused_without_repeating_its_password() {
        for url in [
            "localhost",
            "http://u:secret@h",
            "redis+sentinel://u:secret@h",
            "redis+cluster://h:x",
            "redis+cluster://h/1",
            "redis+cluster://",
            "redis+sentinel://h/s/x",
            "redis+cluster://u:%zz@h",
        ] {
            let refused = url.parse::<Endpoint>().map_err(|error| error.to_string());
            assert!(
                matches!(&refused, Err(text) if !text.contains("secret")),
                "{url}: {refused:?}"
            );
        }
    }
}
