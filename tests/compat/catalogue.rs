//! The handlers, and what each of them is asked.
//!
//! A handler is a file in `handlers/`; its first line, a comment, says what it shows. Lines that begin with `//>` are its
//! requests; without any it is asked `GET /` once:
//!
//! ```text
//! //> POST /path?query | content-type: text/plain | x-more: 1 | =the body
//! ```
//!
//! A body in double quotes is a JSON string, for what a line cannot hold. Modules that a handler imports are in
//! `handlers/lib/`.

use std::path::{Path, PathBuf};

/// One request.
#[derive(Debug, Clone)]
pub struct Ask {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<Vec<u8>>,
}

/// A handler: its files, entry first.
pub struct Handler {
    pub name: String,
    pub files: Vec<(String, Vec<u8>)>,
    pub asks: Vec<Ask>,
}

/// All handlers, by name.
///
/// # Panics
/// When a file cannot be read or says nonsense.
pub fn all() -> Vec<Handler> {
    let folder = folder();
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "js"));
    files.sort();
    files.iter().map(|path| read(path)).collect()
}

/// Where the handlers are.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("compat/handlers")
}

fn read(path: &Path) -> Handler {
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let source = std::fs::read_to_string(path).unwrap();
    assert!(source.starts_with("// "), "{name}: the first line says what the handler shows");
    let mut asks: Vec<Ask> = source.lines().filter_map(|line| line.strip_prefix("//> ")).map(ask).collect();
    if asks.is_empty() {
        asks.push(ask("GET /"));
    }
    let mut files = vec![("main.js".to_owned(), source.clone().into_bytes())];
    for library in source.split("from './lib/").skip(1) {
        let file = library.split('\'').next().unwrap_or_default();
        if files.iter().any(|(name, _)| name.strip_prefix("lib/") == Some(file)) {
            continue;
        }
        let content = std::fs::read(folder().join("lib").join(file));
        let content = content.unwrap_or_else(|error| panic!("{name} imports {file}: {error}"));
        files.push((format!("lib/{file}"), content));
    }
    Handler { name, files, asks }
}

fn ask(line: &str) -> Ask {
    let mut parts = line.split(" | ");
    let (method, path) = parts.next().and_then(|first| first.split_once(' ')).expect("a method and a path");
    let (method, path) = (method.to_owned(), path.trim().to_owned());
    let mut ask = Ask { method, path, headers: Vec::new(), body: None };
    for part in parts {
        if let Some(body) = part.strip_prefix('=') {
            ask.body = Some(match serde_json::from_str::<String>(body) {
                Ok(text) => text.into_bytes(),
                Err(_) => body.as_bytes().to_vec(),
            });
        } else {
            let (name, value) = part.split_once(": ").unwrap_or_else(|| panic!("no header: {part}"));
            ask.headers.push((name.to_owned(), value.to_owned()));
        }
    }
    ask
}
