//! The static files of a project: a folder's, without those that its `.assetsignore` leaves out.

use std::collections::BTreeMap;
use std::path::Path;

use super::error::PushError;
use crate::site::manifest::matches;

/// Most bytes of one static file, as on Workers.
const MAX_ASSET: u64 = 25 << 20;

/// Most static files, as on Workers.
const MAX_ASSETS: usize = 20_000;

/// What names the files that stay where they are, in the syntax of `.gitignore`.
const IGNORE: &str = ".assetsignore";

/// Lines of `.assetsignore`.
#[derive(Debug, Default)]
struct Ignored(Vec<Pattern>);

/// Names of folders and files, in which `*` stands for anything.
#[derive(Debug)]
struct Pattern {
    names: Vec<String>,
    /// It begins in the folder itself, not anywhere.
    is_rooted: bool,
}

impl Ignored {
    /// Reads the file.
    fn parse(text: &str) -> Result<Self, PushError> {
        let mut patterns = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if line.starts_with('!') || line.contains(['[', '?', '\\']) || line.contains("**") {
                return Err(PushError::project(
                    format!("{IGNORE}:{}: `{line}` is not supported", at + 1),
                    "names, paths and `*` are; write `!`, `?`, `**` and `[]` out, or leave the files out of the folder",
                ));
            }
            let path = line.trim_end_matches('/');
            let is_rooted = path.contains('/');
            let names = path.trim_start_matches('/').split('/').map(str::to_owned).collect();
            patterns.push(Pattern { names, is_rooted });
        }
        Ok(Self(patterns))
    }

    /// Whether a file or folder, by its path from `/` on, is left out; what is in such a folder is not asked for.
    fn covers(&self, path: &str) -> bool {
        let names: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        self.0.iter().any(|pattern| {
            let names = if pattern.is_rooted { &names[..] } else { &names[names.len() - 1..] };
            names.len() == pattern.names.len()
                && names.iter().zip(&pattern.names).all(|(name, pattern)| matches(pattern, name))
        })
    }
}

/// All files of a folder, but for those that begin with a dot and those that are left out.
pub(super) fn read(root: &Path) -> Result<BTreeMap<String, Vec<u8>>, PushError> {
    let ignored = match std::fs::read_to_string(root.join(IGNORE)) {
        Ok(text) => Ignored::parse(&text)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ignored::default(),
        Err(error) => return Err(PushError::file(&root.join(IGNORE), error)),
    };
    let mut found = BTreeMap::new();
    let mut waiting = vec![(root.to_owned(), String::new())];
    while let Some((folder, prefix)) = waiting.pop() {
        for entry in std::fs::read_dir(&folder).map_err(|error| PushError::file(&folder, error))? {
            let path = entry.map_err(|error| PushError::file(&folder, error))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let full = format!("{prefix}/{name}");
            if (name.starts_with('.') && name != ".well-known") || ignored.covers(&full) {
                continue;
            }
            if path.is_dir() {
                waiting.push((path, full));
                continue;
            }
            let size = path.metadata().map_err(|error| PushError::file(&path, error))?.len();
            if size > MAX_ASSET || found.len() >= MAX_ASSETS {
                return Err(PushError::project(
                    format!(
                        "{}: static files have at most {} MiB each, and there are at most {MAX_ASSETS}",
                        path.display(),
                        MAX_ASSET >> 20
                    ),
                    "leave it out of the assets folder",
                ));
            }
            found.insert(full, std::fs::read(&path).map_err(|error| PushError::file(&path, error))?);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_ignored_stays_where_it_is() {
        let root = tempfile::tempdir().unwrap();
        for name in [
            "index.html",
            "_worker.js/index.js",
            "a/b.map",
            "a/b.js",
            "a/notes/x.txt",
            "notes/y.txt",
            "_headers",
            ".env",
        ] {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        std::fs::write(root.path().join(IGNORE), "# Server code\n_worker.js\n*.map\n\n/notes/\n").unwrap();
        let found: Vec<String> = read(root.path()).unwrap().into_keys().collect();
        assert_eq!(found, ["/_headers", "/a/b.js", "/a/notes/x.txt", "/index.html"]);
        std::fs::write(root.path().join(IGNORE), "a\n!a/b").unwrap();
        assert!(read(root.path()).unwrap_err().to_string().starts_with(".assetsignore:2: `!a/b`"));
    }
}
