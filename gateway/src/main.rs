//! The `tabmesh` command.

use clap::Parser;
use std::process::ExitCode;
use tabmesh::cli::{self, Cli, CliError, Command, Lines};
use tabmesh::logs;

/// What is logged unless RUST_LOG says otherwise. The WebRTC stack reports every lost packet of a dying tab; a certificate that is not
/// trusted is told by whoever wanted the connection.
const DEFAULT_LOG: &str =
    "info,webrtc=error,rtc=error,rtc_ice=error,rtc_sctp=error,rtc_dtls=error,rustls_platform_verifier=off";

/// The same for `dev`, where what handlers say comes from the tail.
const DEV_LOG: &str =
    "warn,tabmesh::handler=off,webrtc=error,rtc=error,rtc_ice=error,rtc_sctp=error,rtc_dtls=error";

/// A request takes about a hundred small allocations, half of them in the WebRTC stack: with libc's allocator they are a
/// sixth of what it costs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return misused(&error),
    };
    // Whatever speaks TLS in this process does it with ring. It can only be there already, and then it is the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let log = if matches!(cli.command, Command::Dev(_)) { DEV_LOG } else { DEFAULT_LOG };
    logs::install(cli.log_format, log, || Lines);
    let json = cli.json;
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let said = if json { format!("{}\n", error.to_json()) } else { error.to_text() };
            if !matches!(error, CliError::Closed) {
                eprint!("{said}");
            }
            ExitCode::from(error.exit_code())
        }
    }
}

#[tokio::main]
async fn run(cli: Cli) -> Result<(), CliError> {
    cli::run(cli).await
}

/// Help, the version, or what is wrong with the flags.
fn misused(error: &clap::Error) -> ExitCode {
    let is_json = std::env::args_os().any(|arg| arg == "--json");
    if is_json && error.use_stderr() {
        let message = error.to_string();
        let message = message.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        let error = CliError::Usage { message, hint: Some("see --help".into()) };
        eprintln!("{}", error.to_json());
    } else {
        // Nobody is left to tell when it cannot be printed.
        let _ = error.print();
    }
    ExitCode::from(if error.use_stderr() { 2 } else { 0 })
}
