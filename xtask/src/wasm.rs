//! Builds what browsers run: `worker-wasm`, which goes through wasm-bindgen, and the HTML rewriter, which needs none.
//! Finds a compiler that has (or can build) std for wasm32.
//!
//! Two routes, tried in this order: the toolchain's own `wasm32-unknown-unknown` target, added with rustup when it
//! is missing; Debian's `rustc-web`, which builds std from its source package. `TABMESH_WASM_ROUTE` forces one.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};

use crate::paths::{Paths, on_path};
use crate::process::{run, run_quietly, stdout_of};
use crate::{apt, bindgen};

/// The target the tab's runtime is compiled for.
pub const TARGET: &str = "wasm32-unknown-unknown";
/// Chooses a route by name: `rustup` or `debian`.
pub const ROUTE_VARIABLE: &str = "TABMESH_WASM_ROUTE";
/// The tab's runtime.
const RUNTIME: &str = "tabmesh-worker";
/// The module that isolates load when a handler names `HTMLRewriter`.
const REWRITER: &str = "tabmesh-html-rewriter";
/// What Debian's route needs; `lld` comes on top where the toolchain brings no `rust-lld`.
const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];
/// Where `rust-web-src` puts std.
const DEBIAN_STD: &str = "/usr/lib/rustlib/src/rust/library/std";
/// A target is a 20 MB download; a network that cannot deliver it is given up on after this time.
const RUSTUP_LIMIT: Duration = Duration::from_secs(120);

/// A way to compile Rust to wasm on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// The toolchain in use has std for the target.
    Rustup,
    /// Debian's compiler builds std; the path is the linker's.
    Debian {
        /// `rust-lld` of the toolchain, or Debian's `wasm-ld`.
        linker: PathBuf,
    },
}

impl Route {
    /// What `doctor` shows.
    pub fn describe(&self) -> String {
        match self {
            Self::Rustup => format!("the toolchain's {TARGET} target"),
            Self::Debian { linker } => {
                format!("Debian's rustc-web, std built from source, linker {}", linker.display())
            }
        }
    }
}

/// The route that works right now, without changing the machine.
pub fn find(paths: &Paths) -> Option<Route> {
    let forced = env::var(ROUTE_VARIABLE).ok();
    let allowed = |name: &str| forced.as_deref().is_none_or(|route| route == name);
    if allowed("rustup") && has_target(paths) {
        return Some(Route::Rustup);
    }
    if allowed("debian") && has_debian() {
        return linker(paths).map(|linker| Route::Debian { linker });
    }
    None
}

/// The route that works, after adding what is missing where that is possible.
///
/// Errors name the commands a person can run.
pub fn obtain(paths: &Paths) -> Result<Route> {
    let forced = env::var(ROUTE_VARIABLE).ok();
    if let Some(other) = forced.as_deref().filter(|route| !["rustup", "debian"].contains(route)) {
        bail!("{ROUTE_VARIABLE}={other}: it is `rustup` or `debian`");
    }
    if let Some(route) = find(paths) {
        return Ok(route);
    }
    if forced.as_deref() != Some("debian") && on_path("rustup").is_some() {
        let mut add = Command::new("rustup");
        add.current_dir(&paths.root).args(["target", "add", TARGET]);
        let added =
            run_quietly(&format!("rustup target add {TARGET}"), &paths.logs(), RUSTUP_LIMIT, &mut add);
        if added.is_ok() && has_target(paths) {
            return Ok(Route::Rustup);
        }
    }
    if forced.as_deref() != Some("rustup") && apt::can_install() {
        let mut packages = Vec::new();
        if !has_debian() {
            packages.extend(DEBIAN_PACKAGES);
        }
        if linker(paths).is_none() {
            packages.push("lld");
        }
        apt::install(&packages, &paths.logs())?;
    }
    find(paths).ok_or_else(|| anyhow!("no compiler for {TARGET} here. {}", advice(paths)))
}

/// The commands that make a route available.
pub fn advice(paths: &Paths) -> String {
    let mut packages = DEBIAN_PACKAGES.to_vec();
    if linker(paths).is_none() {
        packages.push("lld");
    }
    format!("Run: rustup target add {TARGET}  (or on Debian: {})", apt::command_line(&packages))
}

/// Compiles both packages and writes their files to [`Paths::web_out`].
pub fn build(paths: &Paths) -> Result<()> {
    let route = obtain(paths)?;
    let runtime = compile(paths, &route, RUNTIME)?;
    let rewriter = compile(paths, &route, REWRITER)?;
    bindgen::generate(&runtime, &rewriter, &work(paths, &route), &paths.web_out())
}

/// A target directory of its own keeps the locks of a host build that runs at the same time out of the way.
fn work(paths: &Paths, route: &Route) -> PathBuf {
    paths.target.join(match route {
        Route::Rustup => "wasm-build",
        Route::Debian { .. } => "wasm-build-debian",
    })
}

/// Compiles one package; gives its wasm file.
fn compile(paths: &Paths, route: &Route, package: &str) -> Result<PathBuf> {
    let mut cargo = match route {
        Route::Rustup => paths.cargo(),
        Route::Debian { linker } => debian_cargo(paths, linker),
    };
    let work = work(paths, route);
    // `rustc --crate-type` leaves the rlib out, which fat LTO needs.
    cargo.args(["rustc", "--package", package, "--lib", "--crate-type", "cdylib", "--profile", "wasm"]);
    cargo.args(["--target", TARGET, "--target-dir"]).arg(&work);
    if matches!(route, Route::Debian { .. }) {
        cargo.arg("-Zbuild-std=std,panic_abort");
    }
    run(&format!("{package} to wasm with {}", route.describe()), &mut cargo)?;
    let file = format!("{}.wasm", package.replace('-', "_"));
    Ok(work.join(TARGET).join("wasm").join(file))
}

/// Clippy over both packages as the browser gets them. The route must be [`Route::Rustup`].
pub fn clippy(paths: &Paths) -> Result<()> {
    let mut cargo = paths.cargo();
    cargo.args(["clippy", "--package", RUNTIME, "--package", REWRITER, "--lib", "--profile", "wasm"]);
    cargo.args(["--target", TARGET, "--target-dir"]);
    cargo.arg(paths.target.join("wasm-build")).args(["--", "-D", "warnings"]);
    run("clippy for wasm", &mut cargo)
}

fn has_target(paths: &Paths) -> bool {
    sysroot(paths).is_some_and(|root| root.join("lib/rustlib").join(TARGET).join("lib").is_dir())
}

fn has_debian() -> bool {
    apt::installed(&DEBIAN_PACKAGES) && Path::new(DEBIAN_STD).is_dir()
}

/// `rust-lld` of the toolchain in use, else Debian's linker.
fn linker(paths: &Paths) -> Option<PathBuf> {
    let bundled = || {
        let host = stdout_of(paths.rustc().arg("-vV"))?;
        let host = host.lines().find_map(|line| line.strip_prefix("host: "))?.to_owned();
        Some(sysroot(paths)?.join("lib/rustlib").join(host).join("bin/rust-lld"))
            .filter(|path| path.is_file())
    };
    bundled().or_else(|| on_path("wasm-ld"))
}

fn sysroot(paths: &Paths) -> Option<PathBuf> {
    stdout_of(paths.rustc().args(["--print", "sysroot"])).map(PathBuf::from)
}

/// Debian's cargo with Debian's compiler. The variables that the outer cargo and rustup set for their own toolchain
/// (library path, toolchain name, the outer package) would mislead it.
fn debian_cargo(paths: &Paths, linker: &Path) -> Command {
    let mut command = Command::new("/usr/bin/cargo");
    command.current_dir(&paths.root);
    for name in ["LD_LIBRARY_PATH", "RUSTUP_TOOLCHAIN", "CARGO", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"] {
        command.env_remove(name);
    }
    command
        .env("RUSTC", "/usr/bin/rustc")
        // -Zbuild-std is what stable std sources for this target need; nothing else unstable is used.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
    command
}
