//! The rules of joining, and that the real modules keep them.

use super::*;

fn files(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn modules_come_after_what_they_import_and_once() {
    let script = join(&files(&[
        ("isolate.js", "import { a } from './a.js'\nimport { b as c } from './b-2.js';\na(c);\n"),
        ("a.js", "import {\n  b, // comment\n} from './b-2.js';\nexport function/**/a() { return b; }\n"),
        (
            "b-2.js",
            "// first\nexport const b = 1,/*\n*/d = 2;\nexport let e;\nexport class F { static { e = `// 3`; } }\n",
        ),
        ("unused.js", "export default 1;"),
    ]));
    let expected = [
        "// b-2.js",
        "const $module_b_2 = (() => {",
        "const b = 1,",
        "d = 2;",
        "let e;",
        "class F { static { e = `// 3`; } }",
        "return { b, d, e, F };",
        "})();",
        "// a.js",
        "const $module_a = (() => {",
        "const { b } = $module_b_2;",
        "function a() { return b; }",
        "return { a };",
        "})();",
        "// isolate.js",
        "const $module_isolate = (() => {",
        "const { a } = $module_a;",
        "const { b: c } = $module_b_2;",
        "a(c);",
        "return {  };",
        "})();",
        "//# sourceURL=tabmesh-isolate.js",
    ];
    let script = script.unwrap();
    let lines: Vec<&str> = script.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(lines, expected);
}

#[test]
fn what_breaks_the_rules_is_refused_with_its_place() {
    for (source, line, words) in [
        ("import x from './a.js';", 1, "only `import {"),
        ("import * as x from './a.js';", 1, "only `import {"),
        ("import './a.js';", 1, "only `import {"),
        ("import { a } from 'a.js';", 1, "only `import {"),
        ("import { a } from '../a.js';", 1, "only `import {"),
        ("import { a } from './deep/a.js';", 1, "only `import {"),
        ("import { a } from './a.js' with { type: 'json' };", 1, "only `import {"),
        ("\nexport default 1;", 2, "only declarations"),
        ("const a = 1;\nexport { a };", 2, "only declarations"),
        ("export { a } from './a.js';", 1, "only declarations"),
        ("export * from './a.js';", 1, "only declarations"),
        ("export const { a } = {};", 1, "simple names"),
        ("\n\nconst here = () => import.meta.url;", 3, "import.meta"),
        ("const late = () => import('./a.js');", 1, "`import()`"),
        ("const = 1;", 1, "nexpected"),
    ] {
        let error = join(&files(&[("isolate.js", source), ("a.js", "export const a = 1;")])).unwrap_err();
        match &error {
            ScriptError::Rule { module, line: at, rule } => {
                assert!(module == "isolate.js" && *at == line && rule.contains(words), "{source}: {error}");
            }
            other => panic!("{source}: {other}"),
        }
    }
    for source in ["await 1;", "for await (const x of []) {}"] {
        let error = join(&files(&[("isolate.js", source)])).unwrap_err();
        assert!(matches!(error, ScriptError::Whole(_)), "{source}: {error}");
    }
}

#[test]
fn missing_modules_missing_names_and_cycles_are_refused() {
    let missing = |error| match error {
        ScriptError::Missing { module, what } => (module, what),
        other => panic!("{other}"),
    };
    assert_eq!(missing(join(&files(&[])).unwrap_err()).1, "./isolate.js");
    let lost = files(&[("isolate.js", "import { a } from './a.js';")]);
    assert_eq!(missing(join(&lost).unwrap_err()), ("isolate.js".into(), "./a.js".into()));
    let nameless = files(&[("isolate.js", "import { a } from './a.js';"), ("a.js", "const a = 1;")]);
    assert_eq!(missing(join(&nameless).unwrap_err()), ("isolate.js".into(), "`a` from ./a.js".into()));
    let cycle = files(&[
        ("isolate.js", "import { a } from './a.js';"),
        ("a.js", "import { b } from './b.js'; export const a = 1;"),
        ("b.js", "import { a } from './a.js'; export const b = 1;"),
    ]);
    assert_eq!(join(&cycle).unwrap_err(), ScriptError::Cycle("a.js".into()));
}

#[test]
fn computed_imports_stay() {
    let script = join(&files(&[("isolate.js", "export async function load(url) { return import(url); }")]));
    assert!(script.unwrap().contains("return import(url)"));
}
