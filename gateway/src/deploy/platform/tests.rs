//! The platform's modules in bundles.

use super::super::{CompileLimits, Compiled, SourceFile, compile_within};
use super::*;

const MAIN: &str = "export default { fetch() {} }";

fn compiled(source: &str, node: bool) -> Result<Compiled, CompileError> {
    let files = vec![SourceFile { name: "main.js".into(), bytes: source.to_owned().into() }];
    compile_within(files, Options { node, ..Options::default() }, CompileLimits::default())
}

fn names(source: &str) -> Vec<String> {
    compiled(source, true).unwrap().bundle.modules.into_iter().map(|module| module.name).collect()
}

#[test]
fn what_is_imported_comes_along_and_nothing_else() {
    let found = names(&format!("import path from 'node:path'; import {{ Buffer }} from 'buffer'; {MAIN}"));
    assert!(
        found.contains(&"node:/path.js".into()) && found.contains(&"node:/buffer.js".into()),
        "{found:?}"
    );
    assert!(!found.contains(&"node:/crypto.js".into()), "{found:?}");
    assert_eq!(found.last().unwrap(), "main.js");
    assert_eq!(names(MAIN), ["main.js"]);
}

/// Every module that can be named can be deployed: nothing that it needs is missing.
#[test]
fn every_module_is_whole() {
    let mut count = 0;
    for file in Dist::iter() {
        let name = file.trim_end_matches(".js");
        if node_file(name).is_some() {
            count += 1;
            names(&format!("import 'node:{name}'; {MAIN}"));
        }
    }
    assert!(count > 40, "{count}");
}

#[test]
fn without_the_flag_it_is_named() {
    for specifier in ["node:buffer", "node:fs/promises", "events"] {
        let error = compiled(&format!("import '{specifier}'; {MAIN}"), false).unwrap_err();
        assert!(
            error.to_string().contains(specifier) && error.to_string().contains("nodejs_compat"),
            "{error}"
        );
        assert!(compiled(&format!("import '{specifier}'; {MAIN}"), true).is_ok());
    }
    // Guarded, so left as it is.
    assert_eq!(
        compiled(&format!("const load = () => import('node:fs'); {MAIN}"), false)
            .unwrap()
            .bundle
            .modules
            .len(),
        1
    );
    let unknown = compiled(&format!("import 'node:sea'; {MAIN}"), true).unwrap_err();
    assert!(unknown.to_string().contains("node:sea"), "{unknown}");
    for hidden in ["node:host", "node:/host.js", "node:chunk-x", "cloudflare:email"] {
        assert!(compiled(&format!("import '{hidden}'; {MAIN}"), true).is_err(), "{hidden}");
    }
}

#[test]
fn globals_are_loaded_before_all_else() {
    let source = "#!/usr/bin/env node\nexport default () => Buffer.from(process.env.A ?? globalThis.Buffer)";
    let bundle = compiled(source, true).unwrap().bundle;
    let main = serde_json::to_string(bundle.modules.last().unwrap()).unwrap();
    assert!(main.contains("import") && main.contains("///usr/bin/env node\\nexport default"), "{main}");
    let found: Vec<_> = bundle.modules.iter().map(|module| module.name.as_str()).collect();
    assert!(
        found.contains(&"node:/global-buffer.js") && found.contains(&"node:/global-process.js"),
        "{found:?}"
    );
    assert_eq!(names("const Buffer = 1; export default () => Buffer").len(), 1);
    assert_eq!(compiled(source, false).unwrap().bundle.modules.len(), 1);
}

#[test]
fn workers_own_module_needs_no_flag() {
    let bundle = compiled(
        "import { env, WorkerEntrypoint } from 'cloudflare:workers'; export default class extends WorkerEntrypoint { fetch() {} }",
        false,
    );
    let names: Vec<_> = bundle.unwrap().bundle.modules.into_iter().map(|module| module.name).collect();
    assert!(
        names.contains(&"node:/host.js".into()) && names.contains(&"node:/cloudflare-workers.js".into()),
        "{names:?}"
    );
}
