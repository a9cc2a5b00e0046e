//! The address of a coordinator, its token, and the errors of both.
//!
//! `unix:/path` serves processes of one host and one user; `tcp://host:port` serves workers on
//! other hosts, which must present the coordinator's token. The connection is not encrypted, so TCP
//! is for trusted networks only.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::{fmt, io};

use crate::control::token::Token;

/// Variable with the token.
pub(super) const TOKEN: &str = "PROFILER_COORDINATOR_TOKEN";
/// Variable with the path of a file that contains the token.
const TOKEN_FILE: &str = "PROFILER_COORDINATOR_TOKEN_FILE";

/// The address at which a coordinator listens: `unix:/path` or `tcp://host:port`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// A socket in a folder that only its owner may enter.
    Unix(PathBuf),
    /// Host and port; with port 0, the system chooses a port.
    Tcp(String),
}

impl Address {
    /// Parses the address of a coordinator or worker, with or without a token.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is not an address, is TCP without a token, or has a kind that
    /// this system does not support.
    pub(super) fn parse_with_token(text: &str, has_token: bool) -> Result<Self, LinkError> {
        match text.parse()? {
            address @ Self::Tcp(_) if !has_token => Err(LinkError::NoToken { address }),
            Self::Unix(_) if cfg!(not(unix)) => Err(LinkError::NoUnixSockets),
            address => Ok(address),
        }
    }
}

impl FromStr for Address {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, LinkError> {
        let wrong = || LinkError::Address { given: text.to_owned() };
        if let Some(path) = text.strip_prefix("unix:") {
            // As in URLs, `unix:///path` is equivalent.
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.is_empty() { Err(wrong()) } else { Ok(Self::Unix(path.into())) };
        }
        let host_and_port = text.strip_prefix("tcp://").ok_or_else(wrong)?;
        let (host, port) = host_and_port.rsplit_once(':').ok_or_else(wrong)?;
        if host.is_empty() || port.parse::<u16>().is_err() {
            return Err(wrong());
        }
        Ok(Self::Tcp(host_and_port.to_owned()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(host_and_port) => write!(f, "tcp://{host_and_port}"),
        }
    }
}

/// The reason why a coordinator cannot listen, or a worker cannot connect.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LinkError {
    /// The address has no known form.
    Address {
        /// Text as given.
        given: String,
    },
    /// Addresses of this kind need a Unix.
    NoUnixSockets,
    /// TCP without a token.
    NoToken {
        /// Address that needs a token.
        address: Address,
    },
    /// The token's file cannot be read.
    TokenFile {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        source: Arc<io::Error>,
    },
    /// The socket's folder is accessible to other users.
    OpenFolder {
        /// Folder of the socket.
        folder: PathBuf,
    },
    /// The coordinator cannot listen at the address.
    Bind {
        /// Address as given.
        address: Address,
        /// Error of the operating system.
        source: Arc<io::Error>,
    },
    /// This process has already joined a coordinator.
    AlreadyJoined,
    /// The operating system could not start a thread.
    Thread {
        /// Error of the operating system.
        source: Arc<io::Error>,
    },
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { given } => {
                write!(f, "`{given}` is no address of a coordinator: write `unix:/path` or `tcp://host:port`")
            }
            Self::NoUnixSockets => f.write_str("this system has no Unix sockets: use `tcp://host:port` and a token"),
            Self::NoToken { address } => write!(
                f,
                "`{address}` needs a token: set `PROFILER_COORDINATOR_TOKEN`, or name a file that holds it in \
                 `PROFILER_COORDINATOR_TOKEN_FILE`"
            ),
            Self::TokenFile { path, source } => write!(f, "cannot read the token in `{}`: {source}", path.display()),
            Self::OpenFolder { folder } => write!(
                f,
                "other users may enter the folder `{}`: put the socket into one of your own with mode 0700, or name one \
                 that does not exist yet",
                folder.display()
            ),
            Self::Bind { address, source } => write!(f, "cannot listen at `{address}`: {source}"),
            Self::AlreadyJoined => f.write_str("this process has joined a coordinator already: it can have one"),
            Self::Thread { source } => write!(f, "cannot start a thread for the coordinator's connections: {source}"),
        }
    }
}

impl std::error::Error for LinkError {}

/// Returns the token in the environment, without surrounding white space.
///
/// # Errors
///
/// Returns an error if the environment names a file that cannot be read.
pub(super) fn token_from_env(env: impl Fn(&str) -> Option<OsString>) -> Result<Option<Token>, LinkError> {
    if let Some(text) = env(TOKEN) {
        return Ok(secret(&text.to_string_lossy()));
    }
    let Some(path) = env(TOKEN_FILE).filter(|path| !path.is_empty()).map(PathBuf::from) else { return Ok(None) };
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(secret(&text)),
        Err(source) => Err(LinkError::TokenFile { path, source: Arc::new(source) }),
    }
}

/// Returns a token without surrounding white space; `None` if it is empty, because that is no
/// secret.
fn secret(text: &str) -> Option<Token> {
    Some(Token::new(text.trim())).filter(|token| !token.is_empty())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed_and_displayed_alike() {
        for (text, shown) in [
            ("unix:/run/me/profiler.sock", "unix:/run/me/profiler.sock"),
            ("unix:///run/x", "unix:/run/x"),
            ("tcp://127.0.0.1:0", "tcp://127.0.0.1:0"),
            ("tcp://[::1]:9000", "tcp://[::1]:9000"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn other_text_is_rejected_with_a_correction() {
        for text in ["", "unix:", "/run/x", "tcp://", "tcp://host", "tcp://:1", "tcp://host:99999", "http://host:1"] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.ends_with("write `unix:/path` or `tcp://host:port`"), "{error}");
        }
    }

    #[test]
    fn an_empty_token_is_none() {
        assert!(secret(" ").is_none() && secret("").is_none());
        assert_eq!(secret(" secret\n").unwrap().reveal(), "secret");
    }

    #[test]
    fn a_token_comes_from_a_variable_or_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "from file\n").unwrap();
        let read =
            |name: &'static str, value: OsString| token_from_env(move |asked| (asked == name).then(|| value.clone()));
        assert_eq!(read(TOKEN, "given".into()).unwrap().unwrap().reveal(), "given");
        assert_eq!(read(TOKEN_FILE, file.path().into()).unwrap().unwrap().reveal(), "from file");
        assert!(read("OTHER", "x".into()).unwrap().is_none());
        assert!(matches!(read(TOKEN_FILE, "/nowhere/at/all".into()), Err(LinkError::TokenFile { .. })));
    }
}
