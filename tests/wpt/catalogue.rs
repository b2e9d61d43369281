//! Which tests there are, what scripts each needs, and which cannot be run without a page or a server.
//!
//! Reads files and decides; runs nothing.

use std::path::{Path, PathBuf};

/// The folders whose tests are run.
pub const FOLDERS: [&str; 9] = [
    "url",
    "encoding",
    "streams",
    "fetch/api/headers",
    "fetch/api/request",
    "fetch/api/response",
    "fetch/api/body",
    "FileAPI",
    "WebCryptoAPI",
];

/// Endings of tests that are scripts, and of which kind.
const SCRIPTS: [&str; 3] = [".any.js", ".window.js", ".worker.js"];
/// Endings of tests that are pages, where they load the harness.
const PAGES: [&str; 2] = [".html", ".xhtml"];
/// The harness itself is there for all.
pub const HARNESS: &str = "resources/testharness.js";

/// Paths under which the test server has other files.
const ALIASES: [(&str, &str); 1] = [("resources/WebIDLParser.js", "resources/webidl2/lib/webidl2.js")];

/// Why a test is not run.
const IS_PAGE: &str = "a page";
const NEEDS_PAGE: &str = "a script for a page";
const NEEDS_SERVER: &str = "needs the test server";

/// A test, in one of its variants.
#[derive(Debug)]
pub struct Test {
    pub folder: &'static str,
    /// Path, with the variant as its query.
    pub name: String,
    /// Paths of its scripts, in their order, its own the last.
    pub scripts: Vec<String>,
    pub title: Option<String>,
}

/// A test that is not run.
#[derive(Debug)]
pub struct LeftOut {
    pub folder: &'static str,
    pub file: String,
    pub reason: &'static str,
}

/// All tests below the folders.
#[derive(Debug, Default)]
pub struct Catalogue {
    pub tests: Vec<Test>,
    pub left_out: Vec<LeftOut>,
    /// Folders that this copy of the tests does not have.
    pub missing: Vec<&'static str>,
}

/// Reads the folders below `root`.
///
/// # Panics
/// When a file cannot be read.
pub fn read(root: &Path) -> Catalogue {
    let mut catalogue = Catalogue::default();
    for folder in FOLDERS {
        let mut files = Vec::new();
        walk(&root.join(folder), &mut files);
        if files.is_empty() {
            catalogue.missing.push(folder);
        }
        files.sort();
        for path in files {
            let file = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            catalogue.add(root, folder, file);
        }
    }
    catalogue
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() { walk(&path, files) } else { files.push(path) }
    }
}

impl Catalogue {
    fn add(&mut self, root: &Path, folder: &'static str, file: String) {
        let has_end = |ends: &[&str]| ends.iter().any(|end| file.ends_with(end));
        let is_script = has_end(&SCRIPTS);
        if !is_script && !has_end(&PAGES) {
            return;
        }
        let text = text(root, &file);
        if !is_script {
            if text.contains("testharness.js") {
                self.left_out.push(LeftOut { folder, file, reason: IS_PAGE });
            }
            return;
        }
        let meta = |key: &str| {
            let start = format!("// META: {key}=");
            text.lines().filter_map(move |line| line.strip_prefix(&start).map(str::trim).map(str::to_owned))
        };
        let imported = imported(&text).into_iter();
        let mut scripts: Vec<_> = meta("script").chain(imported).map(|path| resolve(&file, &path)).collect();
        scripts.retain(|path| path != HARNESS);
        scripts.push(file.clone());
        if let Some(reason) = reason_against(root, &file, &scripts) {
            self.left_out.push(LeftOut { folder, file, reason });
            return;
        }
        let mut variants: Vec<_> = meta("variant").collect();
        if variants.is_empty() {
            variants.push(String::new());
        }
        let title = meta("title").next();
        for variant in variants {
            let (scripts, title) = (scripts.clone(), title.clone());
            self.tests.push(Test { folder, name: format!("{file}{variant}"), scripts, title });
        }
    }
}

/// Why a script cannot run in a handler, if it cannot on any platform.
fn reason_against(root: &Path, file: &str, scripts: &[String]) -> Option<&'static str> {
    let texts: Vec<String> = scripts.iter().map(|script| text(root, script)).collect();
    if file.ends_with(".window.js")
        && texts.iter().any(|text| text.contains("document") || text.contains("iframe"))
    {
        return Some(NEEDS_PAGE);
    }
    let by_server = |text: &String| text.contains(".py") || text.contains("{{");
    (texts.iter().any(by_server) || scripts.iter().any(|script| script.contains(".sub.")))
        .then_some(NEEDS_SERVER)
}

/// What a script for a Worker loads by itself.
fn imported(text: &str) -> Vec<String> {
    let calls = text.split("importScripts(").skip(1);
    let lists = calls.filter_map(|rest| rest.split_once(')').map(|(list, _)| list));
    lists.flat_map(|list| list.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// The text of a file.
///
/// # Panics
/// When there is none.
pub fn text(root: &Path, file: &str) -> String {
    let bytes = std::fs::read(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A path that a file names, from the root.
pub fn resolve(file: &str, path: &str) -> String {
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = if path.starts_with('/') { Vec::new() } else { folder.split('/').collect() };
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let path = parts.join("/");
    ALIASES.iter().find(|(alias, _)| path == *alias).map_or(path.clone(), |(_, file)| (*file).to_owned())
}
