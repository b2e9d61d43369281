//! Caps on handlers' limits.

use clap::Args;
use tabmesh_protocol::Limits;

/// The most that a deployment may ask for, by limit of a handler. Handlers deployed under higher caps are held to these.
#[derive(Clone, Copy, Debug, Args)]
pub struct LimitConfig {
    /// Highest `limits.wall_ms`: milliseconds to a response head. 5 minutes: long work, but nobody waits for ever
    #[arg(long, env = "TABMESH_MAX_WALL_MS", default_value_t = 300_000, value_name = "MS",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub max_wall_ms: u32,

    /// Highest `limits.cpu_ms`: CPU milliseconds a request. As Workers; a tab's owner may allow less
    #[arg(long, env = "TABMESH_MAX_CPU_MS", default_value_t = 30_000, value_name = "MS",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub max_cpu_ms: u32,

    /// Highest `limits.memory_mb`: MiB of buffers and wasm memory an isolate. Half of what a tab gives in all
    #[arg(long, env = "TABMESH_MAX_MEMORY_MB", default_value_t = 1024, value_name = "MIB",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub max_memory_mb: u32,

    /// Highest `limits.response_bytes`. 5 GiB: a download that takes a minute or two at what one tab moves
    #[arg(long, env = "TABMESH_MAX_RESPONSE", default_value_t = 5 << 30, value_name = "BYTES",
          value_parser = clap::value_parser!(u64).range(1..))]
    pub max_response: u64,
}

impl Default for LimitConfig {
    /// As the flags' defaults.
    fn default() -> Self {
        Self { max_wall_ms: 300_000, max_cpu_ms: 30_000, max_memory_mb: 1024, max_response: 5 << 30 }
    }
}

impl LimitConfig {
    /// Highest `limits.concurrency`: what one tab takes at once, unless told otherwise.
    pub const CONCURRENCY: u32 = 256;

    /// Highest `limits.subrequests`. As Workers.
    pub const SUBREQUESTS: u32 = 1000;

    /// Highest `limits.log_bytes`. Every line goes through the gateway's log.
    pub const LOG_BYTES: u32 = 1 << 20;

    /// Beyond this, sizes in bytes mean nothing and the wire's numbers end.
    const BYTES: u64 = 1 << 60;

    /// The highest value of each limit, where request bodies have at most `max_body` bytes.
    #[must_use]
    pub fn caps(&self, max_body: u64) -> Limits {
        Limits {
            wall_ms: self.max_wall_ms,
            cpu_ms: self.max_cpu_ms,
            memory_mb: self.max_memory_mb,
            request_bytes: max_body.min(Self::BYTES),
            response_bytes: self.max_response.min(Self::BYTES),
            concurrency: Self::CONCURRENCY,
            subrequests: Self::SUBREQUESTS,
            log_bytes: Self::LOG_BYTES,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::HttpConfig;
    use clap::{FromArgMatches, error::ErrorKind};

    fn parse(args: &[&str]) -> Result<LimitConfig, clap::Error> {
        let command = LimitConfig::augment_args(clap::Command::new("x").no_binary_name(true));
        LimitConfig::from_arg_matches(&command.try_get_matches_from(args)?)
    }

    #[test]
    fn caps_default_to_the_flags_defaults_and_are_never_0() {
        let caps = |config: LimitConfig| config.caps(HttpConfig::MAX_BODY);
        let flags = caps(parse(&[]).unwrap());
        assert_eq!(flags, caps(LimitConfig::default()));
        assert_eq!(crate::limits::within(Limits::default(), &flags), Limits::default());
        assert_eq!(parse(&["--max-response", "7"]).unwrap().caps(1).response_bytes, 7);
        for flag in ["--max-wall-ms", "--max-cpu-ms", "--max-memory-mb", "--max-response"] {
            assert_eq!(parse(&[flag, "0"]).unwrap_err().kind(), ErrorKind::ValueValidation, "{flag}");
        }
    }
}
