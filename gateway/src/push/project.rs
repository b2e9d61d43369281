//! What is to be deployed: a folder, with or without a wrangler file, or one file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::PushError;
use super::wrangler::{self, Wanted};
use super::{assets, esbuild, graph};
use crate::deploy::{self, EXTENSIONS, MAIN_NAMES, Options};

/// Names of configuration files, in the order in which wrangler looks for them.
const CONFIGS: [&str; 3] = ["wrangler.json", "wrangler.jsonc", "wrangler.toml"];

/// A project, found and read.
#[derive(Debug)]
pub(crate) struct Project {
    /// The folder that paths are relative to.
    pub(crate) root: PathBuf,
    pub(crate) wanted: Wanted,
    /// From the configuration, the package or the folder; not checked.
    pub(crate) name: String,
    /// Path of the main module from the root.
    main: String,
}

/// What is uploaded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Upload {
    pub(crate) main: String,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// Static files by path.
    pub(crate) assets: BTreeMap<String, Vec<u8>>,
    /// Whether esbuild made the files.
    pub(crate) is_bundled: bool,
}

impl Project {
    /// Finds out what `path` is.
    pub(crate) fn open(path: &Path, environment: Option<&str>) -> Result<Self, PushError> {
        let is_config =
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| CONFIGS.contains(&name));
        if path.is_dir() {
            let config = CONFIGS.iter().map(|name| path.join(name)).find(|file| file.is_file());
            return Self::in_folder(path, config.as_deref(), environment);
        }
        if !path.is_file() {
            return Err(PushError::project(
                format!("there is no {}", path.display()),
                "name a folder or a file",
            ));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if is_config {
            return Self::in_folder(folder, Some(path), environment);
        }
        if environment.is_some() {
            return Err(PushError::project("one file has no environments", "name the project's folder"));
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let main = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { root: folder.to_owned(), wanted: Wanted::default(), name, main })
    }

    fn in_folder(root: &Path, config: Option<&Path>, environment: Option<&str>) -> Result<Self, PushError> {
        let wanted = match config {
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| PushError::file(path, error))?;
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                wrangler::read(&name, &text, environment)?
            }
            None if environment.is_some() => {
                return Err(PushError::project(
                    "environments are those of a wrangler file, and there is none",
                    "leave --env out",
                ));
            }
            None => Wanted::default(),
        };
        let package = package(root)?;
        let of_package = |key: &str| package.get(key).and_then(|value| value.as_str()).map(str::to_owned);
        let name = wanted
            .name
            .clone()
            .or_else(|| of_package("name").map(|name| name.rsplit('/').next().unwrap_or("").to_owned()));
        let folder = || {
            root.canonicalize().ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        };
        let main = match wanted.main.clone().or_else(|| of_package("main")) {
            Some(main) => main.trim_start_matches("./").to_owned(),
            None => guess_main(root).ok_or_else(|| {
                PushError::project(
                    format!("{} has no main module", root.display()),
                    "name it in wrangler.toml: main = \"src/index.ts\"",
                )
            })?,
        };
        let name = name.or_else(folder).unwrap_or_default();
        Ok(Self { root: root.to_owned(), wanted, name, main })
    }

    /// Reads, and bundles where that is needed.
    pub(crate) fn build(&self, no_bundle: bool) -> Result<Upload, PushError> {
        let node = Options::default().with_flags(&self.wanted.flags).node;
        let build = &self.wanted.build;
        let graph = graph::read(&self.root, &self.main, node)?;
        let assets = match &self.wanted.assets {
            Some(folder) => assets::read(&self.root.join(folder))?,
            None => BTreeMap::new(),
        };
        let may_bundle = !no_bundle && !build.no_bundle;
        if may_bundle && (graph.package.is_some() || graph.is_circular || build.needs_bundler()) {
            let files = esbuild::bundle(&self.root, &self.main, build, node)?;
            return Ok(Upload { main: esbuild::OUTPUT.into(), files, assets, is_bundled: true });
        }
        Ok(Upload { main: self.main.clone(), files: graph.files, assets, is_bundled: false })
    }
}

fn package(root: &Path) -> Result<serde_json::Value, PushError> {
    let path = root.join("package.json");
    match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map_err(|error| PushError::project(format!("package.json: {error}"), "mend the file")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(serde_json::Value::Null),
        Err(error) => Err(PushError::file(&path, error)),
    }
}

fn guess_main(root: &Path) -> Option<String> {
    let names = MAIN_NAMES.iter().flat_map(|stem| EXTENSIONS.iter().map(move |end| format!("{stem}.{end}")));
    let names: Vec<String> = names.collect();
    let folders = ["", "src/"];
    let mut all = folders.iter().flat_map(|folder| names.iter().map(move |name| format!("{folder}{name}")));
    all.find(|name| root.join(name).is_file())
}

/// A name that a handler may have, made of one that it may not.
pub(crate) fn handler_name(name: &str) -> String {
    let lower = name.to_lowercase();
    let name: String = lower.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let name = name.trim_matches('-');
    name.chars().take(deploy::MAX_HANDLER_NAME).collect::<String>().trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, files: &[(&str, &str)]) {
        for (name, text) in files {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
    }

    #[test]
    fn a_folder_without_packages_is_taken_as_it_is() {
        let root = tempfile::tempdir().unwrap();
        write(
            root.path(),
            &[
                (
                    "wrangler.toml",
                    "name = \"My_Shop\"\nmain = \"./src/index.ts\"\nassets = { directory = \"public\" }",
                ),
                ("src/index.ts", "import { b } from './b'; export default { fetch: () => new Response(b) }"),
                ("src/b.ts", "export const b: string = 'b'"),
                ("public/index.html", "<p>"),
                ("public/css/a.css", "p{}"),
                ("public/.secret", "no"),
                ("README.md", "# no"),
            ],
        );
        let project = Project::open(root.path(), None).unwrap();
        assert_eq!(handler_name(&project.name), "my-shop");
        let upload = project.build(false).unwrap();
        assert!(!upload.is_bundled);
        assert_eq!(upload.main, "src/index.ts");
        assert_eq!(upload.files.keys().collect::<Vec<_>>(), ["src/b.ts", "src/index.ts"]);
        assert_eq!(upload.assets.keys().collect::<Vec<_>>(), ["/css/a.css", "/index.html"]);
    }

    #[test]
    fn names_and_main_modules_are_guessed() {
        let root = tempfile::tempdir().unwrap();
        write(
            root.path(),
            &[("package.json", r#"{ "name": "@me/pack" }"#), ("src/worker.mts", "export default {}")],
        );
        let project = Project::open(root.path(), None).unwrap();
        assert_eq!((project.name.as_str(), project.main.as_str()), ("pack", "src/worker.mts"));
        let one = Project::open(&root.path().join("src/worker.mts"), None).unwrap();
        assert_eq!((one.name.as_str(), one.main.as_str()), ("worker", "worker.mts"));
        assert!(Project::open(&root.path().join("nope"), None).is_err());
        assert!(Project::open(&root.path().join("src"), Some("staging")).is_err());
        assert_eq!(handler_name("Ä_b.c--"), "b-c");
    }
}
