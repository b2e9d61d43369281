//! Projects with npm packages, bundled by esbuild: the version that npx fetches once, with the conditions of Workers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use super::error::PushError;
use super::wrangler::Build;
use crate::deploy;

/// The version that is used, whatever a project has: a deployment is the same on every machine.
pub(super) const VERSION: &str = "0.28.2";

/// The bundle's name.
pub(super) const OUTPUT: &str = "main.js";

/// Kinds of files that stay modules of their own, as with wrangler.
const COPIED: [&str; 5] = ["wasm", "txt", "html", "sql", "bin"];

/// Bundles `main` of the project in `root`. Gives the files to deploy.
pub(super) fn bundle(
    root: &Path,
    main: &str,
    build: &Build,
    node: bool,
) -> Result<BTreeMap<String, Vec<u8>>, PushError> {
    // In the project, so that the map names its files from there, and not from where this machine keeps it.
    let out = tempfile::Builder::new().prefix(".tabmesh-").tempdir_in(root);
    let out = out.map_err(|error| PushError::file(root, error))?;
    let out_path = out.path().canonicalize().map_err(|error| PushError::file(root, error))?;
    let args = arguments(main, build, node, &out_path);
    run(root, &args)?;
    let meta = std::fs::read_to_string(out.path().join("meta.json"))
        .map_err(|error| PushError::file(&out.path().join("meta.json"), error))?;
    let required = required(&serde_json::from_str(&meta).unwrap_or_default());
    if !required.is_empty() {
        // CommonJS packages ask for Node.js's modules by name while they run, and modules cannot: so they are imported
        // before, and found under their names.
        let mut args = args;
        args.push(format!("--banner:js={}", require_banner(&required)));
        run(root, &args)?;
    }
    collect(out.path())
}

fn arguments(main: &str, build: &Build, node: bool, out: &Path) -> Vec<String> {
    let mut args = vec![
        format!("main={main}"),
        "--bundle".into(),
        "--format=esm".into(),
        "--platform=neutral".into(),
        "--main-fields=browser,module,main".into(),
        "--conditions=workerd,worker,browser".into(),
        "--target=esnext".into(),
        "--sourcemap".into(),
        "--sources-content=false".into(),
        "--legal-comments=none".into(),
        "--log-level=warning".into(),
        "--external:node:*".into(),
        "--external:cloudflare:*".into(),
        format!("--outdir={}", out.display()),
        format!("--metafile={}", out.join("meta.json").display()),
    ];
    args.extend(COPIED.iter().map(|end| format!("--loader:.{end}=copy")));
    if node {
        args.extend(deploy::node_modules().iter().map(|name| format!("--external:{name}")));
    }
    if !build.define.iter().any(|(name, _)| name == "process.env.NODE_ENV") {
        args.push("--define:process.env.NODE_ENV=\"production\"".into());
    }
    args.extend(build.define.iter().map(|(name, value)| format!("--define:{name}={value}")));
    args.extend(build.alias.iter().map(|(name, to)| format!("--alias:{name}={to}")));
    let settings = [
        ("tsconfig", &build.tsconfig),
        ("jsx-factory", &build.jsx_factory),
        ("jsx-fragment", &build.jsx_fragment),
    ];
    args.extend(
        settings.into_iter().filter_map(|(name, value)| Some(format!("--{name}={}", value.as_ref()?))),
    );
    if build.minify {
        args.push("--minify".into());
    }
    args
}

fn run(root: &Path, args: &[String]) -> Result<(), PushError> {
    let mut command = match program(root) {
        Some(program) => Command::new(program),
        None => {
            let mut npx = Command::new("npx");
            npx.args(["--yes", &package()]);
            npx
        }
    };
    let status = command.args(args).current_dir(root).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(_) if !root.join("node_modules").is_dir() => {
            Err(PushError::Bundler { hint: Some("run `npm install` in the project first".into()) })
        }
        Ok(_) => Err(PushError::Bundler {
            hint: Some(
                "where a module of Node.js is missing: add compatibility_flags = [\"nodejs_compat\"]".into(),
            ),
        }),
        Err(error) => Err(PushError::project(
            format!("npm packages are bundled with esbuild, and npx cannot be run: {error}"),
            "install Node.js with npm, or bundle elsewhere and deploy the bundle",
        )),
    }
}

/// Where npx keeps the program. Asked for once: npx takes half a second each time, esbuild itself a twentieth of that.
fn program(root: &Path) -> Option<&'static Path> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let find = || {
        let mut npx = Command::new("npx");
        npx.args(["--yes", "--package", &package(), "--call", "command -v esbuild"]);
        let output = npx.current_dir(root).stdin(Stdio::null()).stderr(Stdio::inherit()).output().ok()?;
        let path = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
        path.is_file().then_some(path)
    };
    PROGRAM.get_or_init(find).as_deref()
}

fn package() -> String {
    format!("esbuild@{VERSION}")
}

/// Modules that the bundle asks for with `require`.
fn required(meta: &Value) -> Vec<String> {
    let outputs = meta["outputs"].as_object().into_iter().flatten();
    let mut names: Vec<String> = outputs
        .flat_map(|(_, output)| output["imports"].as_array().cloned().unwrap_or_default())
        .filter(|import| import["kind"] == "require-call" && import["external"] == true)
        .filter_map(|import| import["path"].as_str().map(str::to_owned))
        .collect();
    names.sort();
    names.dedup();
    names
}

fn require_banner(names: &[String]) -> String {
    let mut imports = String::new();
    let mut table = String::new();
    for (index, name) in names.iter().enumerate() {
        let quoted = Value::from(name.as_str());
        imports.push_str(&format!("import*as $required{index} from{quoted};"));
        table.push_str(&format!("{quoted}:$required{index},"));
    }
    format!(
        "{imports}var require=(names=>name=>{{const found=names[name];if(found)return found.default??found;\
         throw new Error(`no module \"${{name}}\" in this deployment`)}})({{__proto__:null,{table}}});"
    )
}

/// The files of the output folder, which is flat, without what is for us.
fn collect(out: &Path) -> Result<BTreeMap<String, Vec<u8>>, PushError> {
    let mut files = BTreeMap::new();
    let entries = std::fs::read_dir(out).map_err(|error| PushError::file(out, error))?;
    for entry in entries {
        let path = entry.map_err(|error| PushError::file(out, error))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name == "meta.json" || !path.is_file() {
            continue;
        }
        files.insert(name, std::fs::read(&path).map_err(|error| PushError::file(&path, error))?);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn required_modules_are_imported_by_the_banner() {
        let meta = serde_json::json!({ "outputs": { "main.js": { "imports": [
            { "path": "node:fs", "kind": "require-call", "external": true },
            { "path": "node:fs", "kind": "require-call", "external": true },
            { "path": "buffer", "kind": "require-call", "external": true },
            { "path": "node:path", "kind": "import-statement", "external": true },
        ] } } });
        assert_eq!(required(&meta), ["buffer", "node:fs"]);
        let banner = require_banner(&required(&meta));
        assert!(banner.starts_with(
            "import*as $required0 from\"buffer\";import*as $required1 from\"node:fs\";var require="
        ));
        assert!(!banner.contains('\n'), "lines would move");
    }

    #[test]
    fn settings_become_flags() {
        let build = Build {
            define: vec![("A".into(), "1".into())],
            alias: vec![("x".into(), "./y.ts".into())],
            minify: true,
            jsx_factory: Some("h".into()),
            ..Build::default()
        };
        let args = arguments("src/a.ts", &build, true, Path::new("/out"));
        for wanted in [
            "main=src/a.ts",
            "--define:A=1",
            "--alias:x=./y.ts",
            "--minify",
            "--jsx-factory=h",
            "--external:buffer",
            "--loader:.wasm=copy",
        ] {
            assert!(args.iter().any(|arg| arg == wanted), "{wanted} not in {args:?}");
        }
        let plain = arguments("src/a.ts", &Build::default(), false, Path::new("/out"));
        assert!(!plain.iter().any(|arg| arg == "--external:buffer" || arg == "--minify"));
    }
}
