//! Bundles made of files, as developers would upload them.

use proptest::prelude::*;
use serde_json::json;
use tabmesh_protocol::bundle::{Module, Piece};

use super::*;

const MAIN: &str = "export default { fetch() {} }";

fn file(name: &str, source: impl AsRef<[u8]>) -> SourceFile {
    SourceFile { name: name.into(), bytes: Bytes::copy_from_slice(source.as_ref()) }
}

fn files(list: &[(&str, &str)]) -> Vec<SourceFile> {
    list.iter().map(|(name, source)| file(name, source)).collect()
}

fn error(list: &[(&str, &str)]) -> CompileError {
    compile(files(list), None).unwrap_err()
}

/// `(file, line, column)` of a syntax error.
fn syntax(source: &str) -> (String, u32, u32, String) {
    match error(&[("main.js", source)]) {
        CompileError::Syntax { place, message, .. } => {
            let (line, column) = place.position.unwrap();
            (place.file.unwrap(), line, column, message)
        }
        other => panic!("{other:?}"),
    }
}

fn module_error(list: &[(&str, &str)]) -> (String, String) {
    let found = error(list);
    match found {
        CompileError::Module { ref hint, .. } => (found.to_string(), hint.clone().unwrap_or_default()),
        other => panic!("{other:?}"),
    }
}

/// Joins pieces as a tab does, with `specifier` for each import.
fn join(module: &Module, specifier: impl Fn(u32) -> String) -> String {
    module
        .source
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Import(index) => specifier(*index),
        })
        .collect()
}

#[test]
fn one_module() {
    let bundle = compile(files(&[("main.js", MAIN)]), None).unwrap();
    assert_eq!(
        serde_json::to_value(&bundle).unwrap(),
        json!({"format": 1, "modules": [{"name": "main.js", "type": "esm", "source": [MAIN], "script": [
            [0, 0, "(async function(){\"use strict\";let $d$;"],
            [0, 15, ";$d$=          "],
            [29, 29, "\nreturn{__proto__:null,get \"default\"(){return $d$}}})"],
        ]}]})
    );
    let (version, bytes) = seal(&bundle);
    assert_eq!(version.len(), 64);
    assert_eq!(serde_json::from_slice::<Bundle>(&bytes).unwrap(), bundle);
}

#[test]
fn several_modules_are_linked_and_ordered() {
    let main = "import { a } from './lib/a.js';\nimport t from \"page.html\"; import j from './d.json' with { type: 'json' };\n\
                export * from `x`.length ? 1 : 2;";
    assert!(matches!(error(&[("main.js", main)]), CompileError::Syntax { .. }));
    let main = "import { a } from './lib/a.js';\nimport t from \"page.html\";\nimport j from './d.json' with { type: 'json' }; export { x } from './lib/../lib/b.mjs';\n\
                const lazy = () => import(`./lib/b.mjs`), other = n => import(n), raw = import('./x.bin', {with: {type: 'bytes'}});\nexport { a as default };";
    let list = [
        ("main.js", main),
        ("lib/a.js", "import './b.mjs'; export const a = {};"),
        ("lib/b.mjs", "export const x = 1"),
        ("unused.js", "export {}"),
        ("page.html", "<p>ä"),
        ("d.json", "{\"import\": \"'./x'\"}"),
        ("x.bin", "\u{1}"),
    ];
    let bundle = compile(files(&list), None).unwrap();
    let names: Vec<&str> = bundle.modules.iter().map(|module| module.name.as_str()).collect();
    assert_eq!(names, ["lib/b.mjs", "lib/a.js", "page.html", "d.json", "x.bin", "unused.js", "main.js"]);
    let joined = join(&bundle.modules[6], |index| format!("\"#{index}\""));
    assert_eq!(
        joined,
        "import { a } from \"#1\";\nimport t from \"#2\";\nimport j from \"#3\"                      ; export { x } from \"#0\";\n\
         const lazy = () => import(\"#0\"), other = n => import(n), raw = import(\"#4\"                         );\nexport { a as default };"
    );
    assert_eq!(bundle.modules[4].kind, ModuleKind::Data);
    assert_eq!(bundle.modules[4].source, [Piece::Text("AQ==".into())]);
    let mut reversed = files(&list);
    reversed.reverse();
    assert_eq!(compile(reversed, Some("./main.js")).unwrap(), bundle);
}

#[test]
fn syntax_errors_say_where() {
    assert_eq!(
        syntax("export default {\n  fetch() { return new Response('ä', ] }\n}"),
        ("main.js".into(), 2, 38, "Unexpected token".into())
    );
    assert_eq!(syntax("let ä = 1;\r\nlet ä = 2;").1, 2);
    assert_eq!(
        syntax("let a;\nlet a;"),
        ("main.js".into(), 2, 5, "Identifier `a` has already been declared".into())
    );
    assert_eq!(syntax("export default 1;\nbreak;").1, 2);
    assert_eq!(syntax("/* ä */ import source x from './x.wasm'").2, 9);
    assert!(syntax("@d class A {}").3.contains("decorators"));
    assert!(syntax("let x: number = 1").3.contains("semicolon"));
    let json = compile(files(&[("main.js", MAIN), ("a.json", "{\n  a: 1}")]), None).unwrap_err();
    assert_eq!(json.to_string(), "a.json:2:3: key must be a string");
    let bytes = compile(vec![file("main.js", b"// \xff")], None).unwrap_err();
    assert_eq!(bytes.to_string(), "main.js:1:4: not valid UTF-8");
}

#[test]
fn module_errors_say_what_to_do() {
    for (source, message, hint) in [
        (
            ";\nimport h from 'hono'",
            "main.js:2:15: no module \"hono\"",
            "bundle npm packages first, for example with esbuild",
        ),
        ("import fs from 'node:fs'", "Node.js", "nodejs_compat"),
        ("import { connect } from 'cloudflare:email'", "Cloudflare", "env"),
        ("import x from 'https://esm.sh/x'", "URL", "download"),
        ("import x from './utils'", "no module \"./utils\"", "deploy that file"),
        ("import('./nope.js')", "no module", "deploy that file"),
        ("import x from './util.js' with { type: 'json' }", "util.js is not of type \"json\"", ""),
        ("const x = 1", "no default export", "export default async (event, ctx) => value"),
        ("import './main.js'", "circle: main.js -> main.js", "esbuild"),
        ("import './loop.js'", "circle: main.js -> loop.js -> main.js", "bundle"),
    ] {
        let source = if source.starts_with("const") { source.into() } else { format!("{source};{MAIN}") };
        let list = [("main.js", source.as_str()), ("util.js", ""), ("loop.js", "import('./main.js')")];
        let list = if source.contains("loop") { &list[..] } else { &list[..2] };
        let (found, advice) = module_error(list);
        assert!(found.contains(message) && advice.contains(hint), "{source}: {found} / {advice}");
    }
    assert!(module_error(&[("a.js", MAIN), ("b.js", MAIN)]).1.contains("main_module"));
    assert!(module_error(&[("main.js", MAIN), ("./main.js", MAIN)]).0.contains("two files"));
    assert!(module_error(&[("main.js", MAIN), ("../x.js", MAIN)]).0.contains("relative path"));
    assert!(
        module_error(&[("main.js", MAIN), ("x.test.js", "import './main.js'")])
            .1
            .contains("leave the file out")
    );
    assert!(module_error(&[("a.txt", "")]).0.contains("no ES module"));
    assert!(module_error(&[]).0.contains("no files"));
    assert!(compile(files(&[("a.txt", ""), ("b.js", MAIN)]), Some("a.txt")).is_err());
    assert!(compile(files(&[("b.js", MAIN)]), Some("c.js")).is_err());
}

#[test]
fn guarded_imports_of_other_runtimes_stay() {
    let source = format!("if (globalThis.process) await import(\"node:fs\");{MAIN}");
    let bundle = compile(files(&[("main.js", &source)]), None).unwrap();
    assert_eq!(bundle.modules[0].source, [Piece::Text(source)]);
}

#[test]
fn limits_hold() {
    let limits = CompileLimits { source_bytes: MAIN.len(), modules: 1 };
    assert!(compile_within(files(&[("main.js", MAIN)]), Options::default(), limits).is_ok());
    let long = format!("{MAIN} ");
    for list in [&[("main.js", long.as_str())][..], &[("main.js", MAIN), ("a.txt", "")]] {
        assert!(matches!(
            compile_within(files(list), Options::default(), limits),
            Err(CompileError::TooLarge(_))
        ));
    }
}

#[test]
fn hostile_nesting_is_refused_and_what_is_let_pass_fits_the_stack() {
    for (open, inner, close) in [
        ("(", "1", ")"),
        ("[", "", "]"),
        ("{a:", "1", "}"),
        ("(function(){return ", "1", "})"),
        ("((a)=>{return ", "1", "})"),
        ("(a)=>(b)=>({c:[", "", "]})"),
        ("`${", "1", "}`"),
        ("class extends ", "Object", "{}"),
        ("a=>", "1", ""),
        ("x=", "1", ""),
        ("a?b:", "1", ""),
        ("!", "1", ""),
        ("a**", "1", ""),
        ("1+", "1", ""),
        ("f(", "", ")"),
        ("await ", "1", ""),
    ] {
        let source =
            |n: usize| format!("export default 1;let x;x={}{inner}{}", open.repeat(n), close.repeat(n));
        let deep = compile(vec![file("main.js", source(100_000))], None);
        if open != "!" && open != "1+" && open != "x=" {
            assert!(deep.unwrap_err().to_string().contains("nested too deeply"), "{open}");
        }
        // The deepest that the count lets pass, as found by halving.
        let (mut low, mut high) = (1, 400_000);
        while low + 1 < high {
            let middle = (low + high) / 2;
            if nesting::check(&source(middle)).is_ok() { low = middle } else { high = middle }
        }
        let deepest = source(low);
        assert!(compile(vec![file("main.js", &deepest)], None).is_ok(), "{open} {low}");
    }
}

#[test]
fn statements_nest_too() {
    for (open, close) in [
        ("if(1)", ""),
        ("if(1);else ", ""),
        ("for(;;)", ""),
        ("do ", "while(1);"),
        ("{", "}"),
        ("function f(){", "}"),
        ("class A{m(){", "}}"),
        ("while(1)", ""),
        ("try{", "}finally{}"),
    ] {
        let source = |n: usize| format!("export default 1;{};{}", open.repeat(n), close.repeat(n));
        assert!(compile(vec![file("main.js", source(100_000))], None).is_err(), "{open}");
        let (mut low, mut high) = (1, 100_000);
        while low + 1 < high {
            let middle = (low + high) / 2;
            if nesting::check(&source(middle)).is_ok() { low = middle } else { high = middle }
        }
        // May be a syntax error (`do` with `;` between), but must come back.
        let _ = compile(vec![file("main.js", source(low))], None);
    }
}

/// Text made of what JavaScript is made of, so that much of it parses.
fn scraps() -> impl Strategy<Value = String> {
    let scrap = prop_oneof![
        Just("import a from './b.js';"),
        Just("export default 1;"),
        Just("import('./b.js')"),
        Just("import(\"x\")"),
        Just("export * from \"b.js\" with {type:'json'};"),
        Just("`${"),
        Just("}`"),
        Just("/"),
        Just("/[/]/g"),
        Just("{"),
        Just("}"),
        Just("("),
        Just(")"),
        Just("["),
        Just("]"),
        Just("'"),
        Just("\""),
        Just("\\"),
        Just("//"),
        Just("/*"),
        Just("*/"),
        Just("\n"),
        Just("\r\n"),
        Just("\u{2028}"),
        Just("if(a)"),
        Just("else "),
        Just("x"),
        Just("="),
        Just("=>"),
        Just(";"),
        Just(","),
        Just("ä😀"),
        Just("#!"),
        Just("class A extends B{}"),
        Just("async "),
        Just("await "),
        Just("1e+5"),
        Just("\\u{61}"),
        Just("++"),
        Just(" "),
    ];
    prop::collection::vec(scrap, 0..60).prop_map(|scraps| scraps.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn arbitrary_text_never_panics(source in prop_oneof![any::<String>(), scraps()], name in any::<String>()) {
        let list = vec![file("main.js", &source), file("b.js", ""), file(&name, &source)];
        prop_assert!(compile(list, None) != Err(CompileError::Internal));
        let list = vec![file("main.js", &source), file("b.js", "")];
        prop_assert!(compile(list, None) != Err(CompileError::Internal));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in any::<Vec<u8>>(), extension in "js|json|wasm|bin|txt") {
        let list = vec![file("main.js", MAIN), file(&format!("x.{extension}"), bytes)];
        prop_assert!(compile(list, None) != Err(CompileError::Internal));
    }

    #[test]
    fn pieces_join_to_the_source(
        parts in prop::collection::vec((any::<bool>(), 0..3usize, "[a-zä😀 \n]{0,12}", any::<bool>()), 0..12),
    ) {
        let names = ["./b.js", "b.js", "./\u{5c}u0062.js"];
        let mut source = String::from("#!/bin/x\n");
        let mut specifiers = Vec::new();
        for (dynamic, name, comment, double) in parts {
            let quote = if double { '"' } else { '\'' };
            let specifier = format!("{quote}{}{quote}", names[name]);
            source += &if dynamic {
                format!("/*{comment}*/ import( {specifier} );")
            } else {
                format!("import /*{comment}*/ {specifier};\n")
            };
            specifiers.push(specifier);
        }
        source += MAIN;
        let bundle = compile(files(&[("main.js", &source), ("b.js", "")]), None).unwrap();
        let main = bundle.modules.last().unwrap();
        let mut left = specifiers.into_iter();
        let left = std::cell::RefCell::new(&mut left);
        prop_assert_eq!(join(main, |_| left.borrow_mut().next().unwrap()), source);
    }
}

#[test]
fn typescript_keeps_its_names_and_places() {
    let main = "import { greet } from './lib/greet';\nimport type { Nobody } from './nobody';\n\n\n\
                export default { fetch: (request: Request): Response => new Response(greet('x')) };\n";
    let greet = "export const greet = (name: string): string => name;";
    let list = [("index.ts", main), ("lib/greet.ts", greet)];
    let compiled = compile_within(files(&list), Options::default(), CompileLimits::default()).unwrap();
    let names: Vec<&str> = compiled.bundle.modules.iter().map(|module| module.name.as_str()).collect();
    assert_eq!(names, ["lib/greet.ts", "index.ts"]);
    let maps = compiled.maps.decode();
    assert!(maps.rewrite("at fetch (index.ts:2:18)").contains("(index.ts:5:"));

    let wrong = format!("{main}import missing from './missing';\nmissing();");
    let found = error(&[("index.ts", &wrong), ("lib/greet.ts", greet)]);
    assert_eq!(found.to_string(), "index.ts:6:21: no module \"./missing\" in this deployment");
    let found = error(&[("index.ts", "type A = 1;\n\nexport default {{")]);
    assert!(found.to_string().starts_with("index.ts:3:17: "), "{found}");
    let decorated = error(&[("index.ts", "type A = 1;\n\n@d class B {}\nexport default B")]);
    assert!(decorated.to_string().starts_with("index.ts:3:1: decorators"), "{decorated}");
}

#[test]
fn source_maps_stay_out_of_the_bundle() {
    let map = r#"{"version":3,"sources":["../src/a.ts"],"names":[],"mappings":"AAEI"}"#;
    let inline = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, map);
    let with = |comment: &str| format!("{MAIN}\n{comment}\n// end");
    let compiled = |list: &[(&str, &str)]| {
        compile_within(files(list), Options::default(), CompileLimits::default()).unwrap()
    };
    let plain = compiled(&[("main.js", &with(""))]);
    assert!(plain.maps.is_empty());
    let data = with(&format!("//# sourceMappingURL=data:application/json;charset=utf-8;base64,{inline}"));
    let file = with("//# sourceMappingURL=maps/m.map");
    for list in [
        &[("main.js", data.as_str())][..],
        &[("main.js", file.as_str()), ("maps/m.map", map)],
        &[("main.js", MAIN), ("main.js.map", map)],
    ] {
        let found = compiled(list);
        // Line 1 begins with what makes the module a script.
        let shift = found.bundle.modules[0].script[0].2.len();
        let decoded = found.maps.decode();
        assert_eq!(decoded.origin("main.js", 1, u32::try_from(shift + 1).unwrap()), Some(("src/a.ts", 3, 5)));
        assert_eq!(found.bundle.modules.len(), 1);
    }
    assert_eq!(compiled(&[("main.js", &data)]).bundle, plain.bundle, "the map would go to tabs");

    assert!(module_error(&[("main.js", MAIN), ("other.js.map", map)]).0.contains("belongs to no module"));
    assert!(module_error(&[("main.js", MAIN), ("main.js.map", "{}")]).0.contains("not a source map"));
}
