//! Who may do what.

use crate::access::rates::Defaults;
use crate::access::{Origin, Quota};
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

    /// Requests in a second of one caller (an IPv4 address, or an IPv6 network of 64 bits), to handlers and the API; 0 for
    /// no limit [default: none on loopback, else 1000]
    #[arg(long, env = "TABMESH_CALLER_RATE", value_name = "REQUESTS")]
    pub caller_rate: Option<u32>,

    /// Changes through the API in a minute, by one token and of one tenant; 0 for no limit [default: none on loopback,
    /// else 600]
    #[arg(long, env = "TABMESH_CHANGE_RATE", value_name = "CHANGES")]
    pub change_rate: Option<u32>,

    /// Requests in a second to one tenant's handlers, unless the tenant was granted another number; 0 for no limit
    #[arg(long, env = "TABMESH_TENANT_RATE", default_value_t = 0, value_name = "REQUESTS")]
    pub tenant_rate: u32,

    /// Handlers of one tenant, unless it was granted another number; 0 for no bound but the gateway's
    #[arg(long, env = "TABMESH_TENANT_HANDLERS", default_value_t = 0, value_name = "HANDLERS")]
    pub tenant_handlers: u32,

    /// Bytes that one tenant stores in versions, static files, KV and databases, unless it was granted another number; 0 for no bound
    #[arg(long, env = "TABMESH_TENANT_BYTES", default_value_t = 0, value_name = "BYTES")]
    pub tenant_bytes: u64,
}

impl AccessConfig {
    /// Requests of one caller in a second, where not only this machine's users come.
    const CALLER_RATE: u32 = 1000;
    /// Changes in a minute, there.
    const CHANGE_RATE: u32 = 600;

    /// With the defaults for this address where nothing was said.
    #[must_use]
    pub fn for_address(mut self, listen: SocketAddr) -> Self {
        let (caller, change) =
            if is_loopback(listen) { (0, 0) } else { (Self::CALLER_RATE, Self::CHANGE_RATE) };
        self.caller_rate.get_or_insert(caller);
        self.change_rate.get_or_insert(change);
        self
    }

    /// How often who may.
    #[must_use]
    pub fn rates(&self) -> Defaults {
        Defaults {
            caller: self.caller_rate.unwrap_or(0),
            tenant: self.tenant_rate,
            changes: self.change_rate.unwrap_or(0),
        }
    }

    /// What tenants may have.
    #[must_use]
    pub fn quota(&self) -> Quota {
        Quota {
            handlers: Some(self.tenant_handlers),
            stored_bytes: Some(self.tenant_bytes),
            requests_per_second: Some(self.tenant_rate),
        }
    }

    /// Refuses to serve without tokens where others than this machine's users may come from.
    ///
    /// # Errors
    /// A sentence with a hint.
    pub fn check(&self, listen: SocketAddr) -> Result<(), String> {
        if self.auth == AuthMode::Off && !is_loopback(listen) {
            return Err(format!(
                "without tokens the gateway listens on loopback alone, not on {listen}: anybody who reached it could deploy; \
                 add --auth on, or use --listen 127.0.0.1:{}",
                listen.port()
            ));
        }
        Ok(())
    }
}

fn is_loopback(listen: SocketAddr) -> bool {
    listen.ip().to_canonical().is_loopback()
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
