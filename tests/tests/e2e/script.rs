//! A module that loads as a script behaves as the module: each of these is deployed alone, where it has a script form, and
//! beside an empty second module, where it has none, and must answer the same.

use crate::support::expect_problem;
use serde_json::{Value, json};
use tabmesh_tests::gateway::client;
use tabmesh_tests::{Gateway, mesh};

/// Modules that have a script form. The first line may not be looked at: it begins with a constant text.
const SCRIPTS: &[&str] = &[
    // Names of what has none, and where it stands.
    "\nexport default function () { return String(new Error('here').stack); }",
    "\nexport default async (event) => String(new Error('here').stack);",
    "\n  export default async function (event) {\n    return String(new Error('here').stack); }\n;[1].map(String)",
    "\nexport default class {
       static own = this.name;
       fetch() { return Response.json([this.constructor.name, this.constructor.own, `${this.constructor}`]); } }
     (0)",
    "\nexport default class { static name = 'own'; fetch() { return Response.json(this.constructor.name); } };",
    "\nexport default (class { fetch() { return Response.json([this.constructor.name, new Error('x').stack]); } })",
    "\nexport default (((event) => String(new Error('here').stack)))",
    // Hoisting, dead zones, live bindings.
    "const before = typeof handler, text = `${handler}`;
     export default function handler() { return [before, text, handler.name, later]; }
     let later = 1; later = 2;",
    "export default function handler() { return 'old'; }\nhandler = () => 'new';",
    "let early;
     try { early = Main; } catch (error) { early = `${error.name}: ${error.message}`; }
     export default class Main { fetch() { return Response.json([early, Main.name]); } }",
    "let main = { fetch: () => Response.json('old') };
     export { main as default, main as \"x-y\", main as \u{fc}, main as __proto__ };
     main = { fetch: () => Response.json('new') };",
    "let main = () => 'old';\nexport default main;\nmain = () => 'new';",
    "export let a = 1;\nexport const { b, c: [d, ...e], ...f } = { b: 2, c: [3, 4], g: 5 };
     export function* h() {}\nexport async function i() {}\nexport class J {}
     export default () => [a, b, d, e, f, h.name, i.name, J.name];",
    "export function then(done) { done({ default: () => 'what then says' }); }\nexport default () => 'the module'",
    // Top-level await, and what else may stand at the top.
    "const value = await new Promise((done) => { setTimeout(() => done('later'), 1); });
     const seen = []; for await (const item of [1, Promise.resolve(2)]) seen.push(item);
     export default () => [value, seen];",
    "export default await Promise.resolve({ fetch: () => Response.json('awaited') });",
    "label: { break label; }\nvar self_ = this;\nexport default () => [typeof this, self_ === undefined];",
    "using thing = { [Symbol.dispose]() { log.push('disposed'); } };\nvar log = log ?? ['begun'];
     log.push('ran');\nexport default () => log;",
    // The module is strict, and its variables are no globals.
    "let found = []; try { undeclared = 1; } catch (error) { found.push(error.message); }
     { function inner() {} } found.push(typeof inner, (function () { return this === undefined; })());
     var a = 1; function b() {} found.push('a' in globalThis, 'b' in globalThis);
     export default () => found;",
    "var Object = 1, globalThis = 2, undefined_ = 3, fetch = 4, Promise = 5, async = 6, of = 7, get = 8;
     export default () => [Object, globalThis, undefined_, fetch, Promise, async, of, get];",
    "'use asm'\n'\\\\x61'\nexport default () => [typeof this, typeof undeclared_]",
    "export default function () { return [arguments.length, (() => arguments.length)()]; }",
    "const f = function () { return new.target === undefined; };\nexport default () => [f(), `${f}`];",
    // Semicolons that are not there.
    "let n = 0\nexport const a = n\n++n\nexport default () => [a, n]",
    "let seen = []\nexport default (() => ({ fetch: () => Response.json(seen) }))\n()",
    "const seen = []\nconst f = (x) => seen.push(x)\nexport { f }\n(0, f)(1)\nexport default () => seen",
    "const seen = []\nexport default (event) => seen\n;(function () { seen.push(this === undefined) })()",
    "const seen = []\ndo seen.push(1); while (false) export const after = 2\nexport default () => [seen, after]",
    "var async = { fetch: () => Response.json(typeof f) }\nexport default async\nfunction f() {}",
    "export default{fetch(){return Response.json('tight')}}",
    "export default[{fetch(){return Response.json('tight')}}][0]",
    "export default(event)=>'tight'",
    "export/**/default/**/async(event)=>'tight'",
    "export default\n\n  { fetch: () => Response.json(new Error('here').stack) }",
    // Texts that look like something else.
    "#!/usr/bin/env node\nexport default () => String(new Error('here').stack) // export {",
    "const page = `<!-- export default ${`${/<!--/.source}`} --> ${'<!--'}\n--> \\`}})`; // <!--
     /* <!-- */ export default () => page; /* */",
    "const r = /export default [`]/g, d = 6 / 2 / 1;\nexport default () => [r.source, d, ((a, b) => a-->b)(2, 1)]\n//",
    "export const \\u0061bc = 1, \u{fc}n\\u{ef} = '\u{1F600}'; export default () => [abc, \u{fc}n\u{ef}];",
    "export { x as default };\r\n\u{2028}/* \u{1F600}\r\n*/ const x = () => String(new Error('\u{1F600}').stack);",
    "export const f = () => new Error('f').stack; export { f as g };   export { f as h }; const k = () => new Error('k').stack;
     export { l as default }; const l = () => [f(), k(), new Error('l').stack].map((stack) => stack.split('\\n')[1].split(':')[1]);",
];

/// Modules that have none, for they would mean something else.
const MODULES: &[(&str, &str)] = &[
    ("export default () => typeof import.meta.url", "string"),
    ("const kind = typeof arguments;\nexport default () => kind", "undefined"),
    ("const $d$ = 'taken';\nexport default () => $d$", "taken"),
    ("import text from './other.txt';\nexport default () => text", "text"),
    (
        "const failed = await import('./nope' + '.js').catch((error) => error.name);\nexport default () => failed",
        "TypeError",
    ),
];

/// Whether the version that a deploy gave travels with a script form.
async fn has_script(gateway: &Gateway, view: &Value) -> bool {
    let version = view["version"].as_str().unwrap();
    let bundle: Value = gateway.get(&format!("/_mesh/code/{version}")).await.json().await.unwrap();
    bundle["modules"].as_array().unwrap().last().unwrap().get("script").is_some()
}

async fn call(gateway: &Gateway, name: &str) -> (u16, String) {
    let response = client().post(gateway.url(&format!("/{name}/"))).body("{\"a\":1}").send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn the_script_form_of_a_module_behaves_as_the_module() {
    let gateway = mesh().await;
    is_evaluated(&gateway).await;
    let mut wrong = Vec::new();
    for (index, source) in SCRIPTS.iter().enumerate() {
        let (script, module) = (format!("form-{index}-script"), format!("form-{index}-module"));
        let view = gateway.deploy(&script, *source).await;
        assert!(has_script(&gateway, &view).await, "{source}");
        let view = gateway.deploy_files(&module, &[("main.js", *source), ("other.js", "")], json!({})).await;
        assert!(!has_script(&gateway, &view).await, "{source}");
        let expected = call(&gateway, &module).await;
        let found = call(&gateway, &script).await;
        if expected.0 != 200 || found != expected {
            wrong.push(format!("{source}\n{expected:?}\n{found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Checks that scripts are evaluated and not, after a failure, imported: V8 shows it in the stack alone.
pub async fn is_evaluated(gateway: &Gateway) {
    let source =
        "const { stack } = new Error('x'); export default () => stack.includes('at eval (main.js:1:');";
    gateway.deploy("evaluated", source).await;
    assert_eq!(call(gateway, "evaluated").await, (200, "true".to_owned()));
}

#[tokio::test]
async fn modules_that_would_mean_something_else_are_imported() {
    let gateway = mesh().await;
    for (index, (source, expected)) in MODULES.iter().enumerate() {
        let name = format!("no-form-{index}");
        let files = [("main.js", *source), ("other.txt", "text")];
        let view = gateway.deploy_files(&name, &files, json!({})).await;
        assert!(!has_script(&gateway, &view).await, "{source}");
        assert_eq!(call(&gateway, &name).await.1.trim_matches('"'), *expected, "{source}");
    }
}

#[tokio::test]
async fn a_script_that_fails_says_the_same_as_the_module() {
    let gateway = mesh().await;
    for (index, source) in [
        "\nconst fail = () => { throw new RangeError('kaboom'); };\n  fail();\nexport default {};",
        "\nawait null;\n  null.kaboom;\nexport default {};",
        "export default { fetch: () => /kaboom(/ };",
        "export default () => 1;\n  throw 'kaboom';",
    ]
    .iter()
    .enumerate()
    {
        let mut told = Vec::new();
        for (name, files) in [
            (format!("failing-{index}-script"), &[("main.js", *source)][..]),
            (format!("failing-{index}-module"), &[("main.js", *source), ("other.js", "")][..]),
        ] {
            gateway.deploy_files(&name, files, json!({})).await;
            let id =
                expect_problem(gateway.get(&format!("/{name}/")).await, 500, "handler-failed-to-start").await;
            let line = gateway.log().wait(gateway.mark(), &[&id, "kaboom"]).await;
            told.push(line.split_once("kaboom").unwrap().1.to_owned());
        }
        assert_eq!(told[0], told[1], "{source}");
    }
}

#[tokio::test]
async fn code_from_strings_is_refused_and_functions_stay_functions() {
    const PROBE: &str = r"
        const attempt = (make) => { try { return `made ${make()}`; } catch (error) { return `${error}`; } };
        const kinds = [() => {}, async () => {}, function* () {}, async function* () {}];
        const makers = kinds.map((kind) => kind.constructor);
        export default async () => ({
          refused: [
            () => eval('1'), () => (0, eval)('1'), () => globalThis.eval`1`, () => new Function(),
            ...makers.flatMap((make) => [() => make('return 1'), () => new make('return 1'), () => Reflect.construct(make, [])]),
            ...makers.slice(1).map((make) => () => Object.getPrototypeOf(make)('return 1')),
            () => new (class extends Function {})('return 1'),
            () => new (class extends makers[1] { constructor() { super('return 1'); } })(),
            () => Reflect.construct(Object, [], Function).constructor('return 1'),
          ].map(attempt).filter((result) => result !== 'EvalError: Code generation from strings disallowed for this context'),
          kept: [
            kinds.every((kind) => kind instanceof Function), kinds.every((kind, i) => kind instanceof makers[i]),
            makers[0] === Function, Function.prototype === Object.getPrototypeOf(Function),
            Object.getPrototypeOf(kinds[1]) === makers[1].prototype, Function.prototype.constructor === Function,
            Object.keys(Function).length === 0, Function.length === 1, eval.length === 1, eval.name === 'eval',
            makers.map((make) => make.name).join() === 'Function,AsyncFunction,GeneratorFunction,AsyncGeneratorFunction',
            (await attemptTimer()) === 'TypeError',
          ],
        });
        const attemptTimer = () => { try { setTimeout('1'); } catch (error) { return error.name; } };
    ";
    let gateway = mesh().await;
    for (name, other) in [("no-strings-script", None), ("no-strings-module", Some(("other.js", "")))] {
        let files: Vec<_> = [("main.js", PROBE)].into_iter().chain(other).collect();
        gateway.deploy_files(name, &files, json!({})).await;
        let found: Value = serde_json::from_str(&call(&gateway, name).await.1).unwrap();
        assert_eq!(found["refused"], json!([]), "{name}");
        let kept = found["kept"].as_array().unwrap();
        assert!(kept.iter().all(|kept| *kept == true), "{name}: {kept:?}");
    }
}
