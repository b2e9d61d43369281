//! Who may do what.

use crate::access::Origin;
use clap::Args;
use std::net::SocketAddr;

/// Whether the API asks for tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum AuthMode {
    /// It does.
    On,
    /// Whoever reaches it may do everything. Only on loopback.
    #[default]
    Off,
}

/// Access to the API and to the pool.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Who may do what")]
pub struct AccessConfig {
    /// Whether the API asks for tokens. Without them anybody who reaches the gateway may deploy, so `off` is for
    /// loopback alone. With them the first start writes a token for its operator to <data>/admin-token
    #[arg(long, env = "TABMESH_AUTH", default_value = "off", value_name = "on|off")]
    pub auth: AuthMode,

    /// Make a new token for the operator; the one before opens nothing any more
    #[arg(long)]
    pub reset_admin_token: bool,

    /// With --auth on: tabs need no token to join the pool. Who reaches the worker page may answer for handlers then
    #[arg(long, env = "TABMESH_PUBLIC_POOL")]
    pub public_pool: bool,

    /// Origin whose web pages may use the API, with a token as everybody (https://console.example); may be repeated
    #[arg(long, env = "TABMESH_API_CORS", value_name = "ORIGIN", value_delimiter = ',')]
    pub api_cors: Vec<Origin>,
}

impl AccessConfig {
    /// Refuses to serve without tokens where others than this machine's users may come from.
    ///
    /// # Errors
    /// A sentence with a hint.
    pub fn check(&self, listen: SocketAddr) -> Result<(), String> {
        if self.auth == AuthMode::Off && !listen.ip().to_canonical().is_loopback() {
            return Err(format!(
                "without tokens the gateway listens on loopback alone, not on {listen}: anybody who reached it could deploy; \
                 add --auth on, or use --listen 127.0.0.1:{}",
                listen.port()
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_tokens_only_loopback() {
        let config = |auth| AccessConfig { auth, ..AccessConfig::default() };
        for listen in ["127.0.0.1:0", "127.3.2.1:80", "[::1]:8787", "[::ffff:127.0.0.1]:1"] {
            assert!(config(AuthMode::Off).check(listen.parse().unwrap()).is_ok(), "{listen}");
        }
        for listen in ["0.0.0.0:8787", "[::]:8787", "192.168.1.2:80"] {
            let listen = listen.parse().unwrap();
            let error = config(AuthMode::Off).check(listen).unwrap_err();
            assert!(error.contains("--auth on"), "{error}");
            assert!(config(AuthMode::On).check(listen).is_ok());
        }
    }
}
