//! The rules of `deny.toml` that need no network and no tool but cargo, so that they are checked on every machine:
//! licences, sources, crates that must be single or absent, and the Rust version they need.
//!
//! Advisories, and the rest of cargo-deny's checks, run where `cargo-deny` is installed.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use spdx::{Expression, ParseMode};

use crate::paths::{Paths, on_path};
use crate::process::{run, say, stdout_of};

#[derive(Deserialize)]
struct Rules {
    graph: Graph,
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Deserialize)]
struct Graph {
    targets: Vec<String>,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

/// Licences that are allowed for one crate alone.
#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

/// A crate that may not be used, or only in one version.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    #[serde(default)]
    deny_multiple_versions: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    allow_registry: Vec<String>,
}

/// What `cargo metadata` prints, as far as the rules need it.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    /// Where it comes from; none for our own.
    source: Option<String>,
    rust_version: Option<String>,
}

/// Checks every dependency for every target of `deny.toml`. The error names all violations.
pub fn check(paths: &Paths) -> Result<()> {
    let file = paths.root.join("deny.toml");
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let rules: Rules = toml::from_str(&text).with_context(|| format!("in {}", file.display()))?;
    let found = violations(&rules, &metadata(paths, &rules)?.packages);
    if !found.is_empty() {
        bail!("dependencies break {} rules:\n  {}", found.len(), found.join("\n  "));
    }
    if on_path("cargo-deny").is_none() {
        say("cargo-deny is not installed: advisories are not checked (cargo install cargo-deny --locked)");
        return Ok(());
    }
    run("cargo deny", paths.cargo().args(["deny", "--locked", "check", "bans", "licenses", "sources"]))?;
    // A new advisory, or a network without the database, says nothing about the change under test.
    if let Err(error) =
        run("cargo deny, advisories", paths.cargo().args(["deny", "--locked", "check", "advisories"]))
    {
        say(&format!("warning: {error:#}"));
    }
    Ok(())
}

fn metadata(paths: &Paths, rules: &Rules) -> Result<Metadata> {
    let mut cargo = paths.cargo();
    cargo.args(["metadata", "--format-version", "1", "--locked"]);
    for target in &rules.graph.targets {
        cargo.args(["--filter-platform", target]);
    }
    let text =
        stdout_of(&mut cargo).context("`cargo metadata --locked` failed; is Cargo.lock up to date?")?;
    serde_json::from_str(&text).context("`cargo metadata` printed something else")
}

fn violations(rules: &Rules, packages: &[Package]) -> Vec<String> {
    let mut found = Vec::new();
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let own = packages.iter().filter(|package| package.source.is_none());
    let ours = own.filter_map(|package| version(package.rust_version.as_deref()?)).max();
    for package in packages {
        let name = format!("{} {}", package.name, package.version);
        versions.entry(&package.name).or_default().push(&package.version);
        if let Some(problem) = license_problem(&rules.licenses, package) {
            found.push(format!("{name}: {problem}"));
        }
        if let Some(source) = &package.source
            && !rules.sources.allow_registry.iter().any(|url| source.strip_prefix("registry+") == Some(url))
        {
            found.push(format!("{name}: comes from {source}"));
        }
        let needs = package.rust_version.as_deref();
        if needs.and_then(version).is_some_and(|needs| ours.is_some_and(|ours| needs > ours)) {
            found.push(format!("{name}: needs Rust {}", needs.unwrap_or_default()));
        }
    }
    for ban in &rules.bans.deny {
        match versions.get(ban.name.as_str()) {
            Some(used) if !ban.deny_multiple_versions => {
                found.push(format!("{} {}: banned", ban.name, used.join(", ")));
            }
            Some(used) if used.len() > 1 => {
                found.push(format!("{}: more than one version: {}", ban.name, used.join(", ")));
            }
            _ => {}
        }
    }
    found
}

fn license_problem(rules: &Licenses, package: &Package) -> Option<String> {
    let Some(license) = &package.license else { return Some("names no licence".into()) };
    match Expression::parse_mode(license, ParseMode::LAX) {
        Err(error) => Some(format!("licence `{license}`: {}", error.reason)),
        Ok(expression) => {
            let own = rules.exceptions.iter().filter(|exception| exception.name == package.name);
            let all: Vec<&String> = own.flat_map(|exception| &exception.allow).chain(&rules.allow).collect();
            (!expression.evaluate(|wanted| all.contains(&&wanted.to_string())))
                .then(|| format!("licence `{license}` is not allowed"))
        }
    }
}

/// Major, minor and patch of `1.95` or `1.95.0`.
fn version(text: &str) -> Option<(u32, u32, u32)> {
    let mut parts = text.split('.').map(str::parse);
    let mut next = || parts.next().transpose().ok();
    Some((next()??, next()?.unwrap_or(0), next()?.unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r#"
        graph.targets = []
        licenses.allow = ["MIT", "Apache-2.0", "Unicode-3.0"]
        licenses.exceptions = [{ crate = "files", allow = ["MPL-2.0"] }]
        bans.deny = [{ crate = "webrtc", deny-multiple-versions = true }, { crate = "bad" }]
        sources.allow-registry = ["https://index.example"]
    "#;

    fn package(name: &str, version: &str, license: &str, rust: &str) -> Package {
        Package {
            name: name.into(),
            version: version.into(),
            license: Some(license.into()),
            source: Some("registry+https://index.example".into()),
            rust_version: Some(rust.into()),
        }
    }

    #[test]
    fn good_dependencies_pass() {
        let rules = toml::from_str(RULES).unwrap();
        let own = Package { source: None, ..package("own", "0.1.0", "Apache-2.0", "1.95") };
        let mut packages =
            vec![own, package("webrtc", "1.0.0", "(MIT OR GPL-3.0) AND Unicode-3.0", "1.95.0")];
        packages.push(package("old-style", "1.0.0", "GPL-2.0/MIT", "1.60"));
        packages.push(package("files", "1.0.0", "MPL-2.0", "1.60"));
        packages.push(Package { rust_version: None, ..package("any", "1.0.0", "MIT / Apache-2.0", "") });
        assert_eq!(violations(&rules, &packages), Vec::<String>::new());
    }

    #[test]
    fn each_rule_is_broken_once() {
        let rules = toml::from_str(RULES).unwrap();
        let packages = [
            Package { source: None, ..package("own", "0.1.0", "Apache-2.0", "1.95") },
            package("copyleft", "1.0.0", "MIT AND GPL-3.0", "1.80"),
            package("other-files", "1.0.0", "MPL-2.0", "1.80"),
            Package { license: None, ..package("unlicensed", "1.0.0", "", "1.80") },
            Package {
                source: Some("git+https://git.example/x".into()),
                ..package("git", "1.0.0", "MIT", "1.80")
            },
            package("new", "1.0.0", "MIT", "1.96"),
            package("bad", "1.0.0", "MIT", "1.80"),
            package("webrtc", "1.0.0", "MIT", "1.80"),
            package("webrtc", "2.0.0", "MIT", "1.80"),
        ];
        let found = violations(&rules, &packages);
        let starts = [
            "copyleft 1.0.0: lic",
            "other-files 1.0.0: lic",
            "unlicensed 1.0.0: names no",
            "git 1.0.0: comes",
            "new 1.0.0: needs Rust 1.96",
        ];
        let starts = starts.iter().chain(&["webrtc: more", "bad 1.0.0: banned"]);
        assert_eq!(found.len(), 7, "{found:?}");
        for (found, start) in found.iter().zip(starts) {
            assert!(found.starts_with(start), "{found} / {start}");
        }
    }
}
