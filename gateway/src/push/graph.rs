//! The files of a project that its main module needs, found by reading imports: what is deployed where nothing has to be
//! bundled. Whatever lies beside them is left alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::error::PushError;
use crate::deploy::{self, CompileError, SourceFile};

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// By path from the root, with source maps beside them.
    pub(super) files: BTreeMap<String, Vec<u8>>,
    /// An import that names a package, and the file it stands in: only a bundler can resolve it.
    pub(super) package: Option<(String, String)>,
    /// Imports between the files go in a circle: only a bundler can make one module of them.
    pub(super) is_circular: bool,
}

/// Reads `main` and what it imports, all below `root`. Names are paths from there.
pub(super) fn read(root: &Path, main: &str, node: bool) -> Result<Graph, PushError> {
    let mut graph = Graph::default();
    let mut waiting = vec![main.to_owned()];
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    while let Some(name) = waiting.pop() {
        if graph.files.contains_key(&name) {
            continue;
        }
        let path = root.join(&name);
        let bytes = std::fs::read(&path).map_err(|error| PushError::file(&path, error))?;
        let beside = format!("{name}.map");
        if let Ok(map) = std::fs::read(root.join(&beside)) {
            graph.files.insert(beside, map);
        }
        let file = SourceFile { name: name.clone(), bytes: bytes.clone().into() };
        graph.files.insert(name.clone(), bytes);
        let imports = match deploy::imports(&file) {
            Ok(imports) => imports,
            // The gateway says it better, with the lines around it.
            Err(CompileError::Syntax { .. } | CompileError::Module { .. }) => continue,
            Err(error) => return Err(PushError::project(error.to_string(), "make the file smaller")),
        };
        for import in imports {
            if let Some(found) =
                deploy::candidates(&import, &name).into_iter().find(|found| root.join(found).is_file())
            {
                edges.entry(name.clone()).or_default().insert(found.clone());
                waiting.push(found);
            } else if deploy::is_package(&import, node) && graph.package.is_none() {
                graph.package = Some((import, name.clone()));
            }
        }
    }
    graph.is_circular = is_circular(edges);
    Ok(graph)
}

/// Takes away whoever imports nothing that is left, until that is everybody, or nobody any more.
fn is_circular(mut edges: BTreeMap<String, BTreeSet<String>>) -> bool {
    loop {
        let left: BTreeSet<String> = edges.keys().cloned().collect();
        edges.retain(|_, to| to.iter().any(|file| left.contains(file)));
        if edges.len() == left.len() {
            return !edges.is_empty();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_imported_is_found_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in [
            (
                "src/index.ts",
                "import { a } from './lib/a'; import page from './page.html'; import type { T } from 'types';\nimport 'cloudflare:workers'; import 'node:fs'; export default [a, page] as T;",
            ),
            ("src/lib/a.ts", "export const a = () => import('../../data.json');"),
            ("src/page.html", "<p>"),
            ("data.json", "{}"),
            ("src/index.ts.map", "{}"),
            ("src/index.test.ts", "import 'vitest'"),
            ("broken.js", "import 'hono'; export default {{"),
            ("package.js", "import { Hono } from 'hono'; import './missing.js'; export default new Hono()"),
        ] {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let names = |main| read(root.path(), main, true).unwrap().files.into_keys().collect::<Vec<_>>();
        assert_eq!(
            names("src/index.ts"),
            ["data.json", "src/index.ts", "src/index.ts.map", "src/lib/a.ts", "src/page.html"]
        );
        assert_eq!(read(root.path(), "src/index.ts", true).unwrap().package, None);
        assert_eq!(names("broken.js"), ["broken.js"]);
        let package = read(root.path(), "package.js", true).unwrap().package;
        assert_eq!(package, Some(("hono".into(), "package.js".into())));
        for (name, text) in [
            ("circle/a.js", "import './b.js'"),
            ("circle/b.js", "export const later = () => import('./c.js'); import '../data.json'"),
            ("circle/c.js", "import './a.js'"),
            ("circle/line.js", "import './own.js'; import './one.js'"),
            ("circle/own.js", "import './one.js'"),
            ("circle/one.js", ""),
        ] {
            std::fs::create_dir_all(root.path().join("circle")).unwrap();
            std::fs::write(root.path().join(name), text).unwrap();
        }
        let is_circular = |main| read(root.path(), main, true).unwrap().is_circular;
        assert!(is_circular("circle/a.js") && !is_circular("circle/line.js") && !is_circular("src/index.ts"));
        assert!(matches!(read(root.path(), "nope.js", true), Err(PushError::File { .. })));
    }
}
