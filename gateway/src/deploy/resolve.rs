//! Which module of a deployment an import means.

use std::collections::HashMap;

use super::{EXTENSIONS, platform};

/// What an import means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The module at this index.
    Module(usize),
    /// None of the deployment's; a sentence and what to do.
    Unknown(String, String),
}

const BUNDLE: &str = "bundle npm packages first, for example with esbuild --bundle --format=esm";

/// Resolves `specifier` as written in the module `importer`.
///
/// Relative specifiers are resolved against the importer's folder; others only match a file of exactly that name, as
/// on Workers. `?module` after a `.wasm` name, which some bundlers write, is ignored.
pub(super) fn resolve(specifier: &str, importer: &str, files: &HashMap<&str, usize>) -> Target {
    let (path, is_relative) = path_of(specifier, importer);
    if let Some(index) = path.as_ref().and_then(|path| files.get(path.as_str())) {
        return Target::Module(*index);
    }
    if let Some(index) = platform::name_of(specifier).and_then(|name| files.get(name.as_str())) {
        return Target::Module(*index);
    }
    if let Some(path) = path.as_ref().filter(|_| is_relative)
        && let Some(index) = guesses(path).iter().find_map(|name| files.get(name.as_str()))
    {
        return Target::Module(*index);
    }
    let (message, hint) = explain(specifier, path.as_deref());
    Target::Unknown(message, hint)
}

/// The path that a specifier means, `None` for one out of the deployment, and whether it is relative.
fn path_of(specifier: &str, importer: &str) -> (Option<String>, bool) {
    let plain = specifier.strip_suffix("?module").filter(|name| name.ends_with(".wasm")).unwrap_or(specifier);
    let is_relative = is_relative(plain);
    (if is_relative { join(importer, plain) } else { Some(plain.to_owned()) }, is_relative)
}

/// All files that a relative specifier may mean; none for others.
pub(super) fn candidates(specifier: &str, importer: &str) -> Vec<String> {
    match path_of(specifier, importer) {
        (Some(path), true) => {
            let mut all = guesses(&path);
            all.insert(0, path);
            all
        }
        _ => Vec::new(),
    }
}

/// Files that `path` may mean, in the order in which bundlers look for them.
fn guesses(path: &str) -> Vec<String> {
    const COMPILED: [(&str, &[&str]); 3] =
        [(".js", &[".ts", ".tsx", ".jsx"]), (".mjs", &[".mts"]), (".jsx", &[".tsx"])];
    let mut guesses = Vec::new();
    for (end, sources) in COMPILED {
        if let Some(stem) = path.strip_suffix(end) {
            guesses.extend(sources.iter().map(|source| format!("{stem}{source}")));
        }
    }
    let path = path.trim_end_matches('/');
    let index = if path.is_empty() { "index".to_owned() } else { format!("{path}/index") };
    for stem in [path, &index] {
        guesses.extend(EXTENSIONS.iter().chain(&["json"]).map(|end| format!("{stem}.{end}")));
    }
    guesses
}

/// Whether a specifier names a file of the deployment and nothing else.
pub(super) fn is_relative(specifier: &str) -> bool {
    specifier.starts_with("./") || specifier.starts_with("../") || matches!(specifier, "." | "..")
}

/// The path of `relative` from the folder of `importer`; `None` if it leaves the deployment.
pub(super) fn join(importer: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<&str> = importer.split('/').collect();
    parts.pop();
    for part in relative.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn explain(specifier: &str, path: Option<&str>) -> (String, String) {
    let shown = shorten(specifier);
    if platform::name_of(specifier).is_some() {
        return (
            format!("\"{shown}\" is a Node.js module; handlers have those with the flag nodejs_compat only"),
            "add compatibility_flags = [\"nodejs_compat\"], or use the web API for it".into(),
        );
    }
    if specifier.starts_with("node:") {
        return (
            format!("\"{shown}\" is a Node.js module that does not exist here"),
            "use the web API for it, or bundle a package that works in browsers in its place".into(),
        );
    }
    if specifier.starts_with("cloudflare:") {
        return (
            format!("\"{shown}\" is a module of Cloudflare's runtime that does not exist here"),
            "of these there is cloudflare:workers alone; bindings are in the argument env too".into(),
        );
    }
    let scheme = specifier.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    if specifier.starts_with("//")
        || matches!(scheme.as_deref(), Some("http" | "https" | "data" | "blob" | "file"))
    {
        return (
            format!("\"{shown}\" is imported by URL; handlers cannot load code from the network"),
            "download the module and deploy it as a file, or bundle it, for example with esbuild".into(),
        );
    }
    if !is_relative(specifier) {
        return (format!("no module \"{shown}\" in this deployment"), BUNDLE.into());
    }
    if path.is_none() {
        return (
            format!("\"{shown}\" leads out of the deployment"),
            "name files by relative paths inside it".into(),
        );
    }
    let hint = "deploy that file too, or bundle the modules into one, for example with esbuild";
    (format!("no module \"{shown}\" in this deployment"), hint.into())
}

/// A specifier for a message: no control characters, no endless data URL.
fn shorten(specifier: &str) -> String {
    let mut shown: String = specifier.chars().take(100).filter(|c| !c.is_control()).collect();
    if specifier.chars().nth(100).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> HashMap<&'static str, usize> {
        ["main.js", "lib/a.js", "lib/b/index.js", "hono", "x.wasm", "t.ts", "t/u.tsx", "d.json", "index.mts"]
            .into_iter()
            .enumerate()
            .map(|(i, name)| (name, i))
            .collect()
    }

    #[test]
    fn finds_files() {
        let files = files();
        for (specifier, importer, index) in [
            ("./lib/a.js", "main.js", 1),
            ("../main.js", "lib/a.js", 0),
            (".././lib/../main.js", "lib/a.js", 0),
            ("./b/index.js", "lib/a.js", 2),
            ("hono", "lib/a.js", 3),
            ("lib/a.js", "lib/b/index.js", 1),
            ("./x.wasm?module", "main.js", 4),
            ("./lib/a", "main.js", 1),
            ("./b", "lib/a.js", 2),
            ("./lib/b/", "main.js", 2),
            ("./t", "main.js", 5),
            ("./t.js", "main.js", 5),
            ("./t/u.js", "main.js", 6),
            ("./t/u.jsx", "main.js", 6),
            ("./d", "main.js", 7),
            (".", "main.js", 8),
            ("..", "lib/a.js", 8),
        ] {
            assert_eq!(resolve(specifier, importer, &files), Target::Module(index), "{specifier}");
        }
    }

    #[test]
    fn explains_what_it_does_not_find() {
        let files = files();
        for (specifier, message, hint) in [
            ("node:fs", "Node.js", "nodejs_compat"),
            ("buffer", "Node.js", "nodejs_compat"),
            ("node:sea", "does not exist", "web API"),
            ("cloudflare:email", "Cloudflare", "env"),
            ("https://esm.sh/hono", "URL", "download"),
            ("//esm.sh/hono", "URL", "download"),
            ("react", "no module \"react\"", "bundle npm packages first, for example with esbuild"),
            ("./t.mjs", "no module", "deploy that file"),
            ("lib/a", "no module", "bundle"),
            ("./nope.js", "no module", "deploy that file"),
            ("../main.js", "out of", "relative"),
            ("/main.js", "no module", "bundle"),
        ] {
            match resolve(specifier, "main.js", &files) {
                Target::Unknown(m, h) => {
                    assert!(m.contains(message) && h.contains(hint), "{specifier}: {m} / {h}");
                }
                found => panic!("{specifier}: {found:?}"),
            }
        }
    }
}
