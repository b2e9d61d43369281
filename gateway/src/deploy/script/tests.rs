//! The script form as text; what it does is compared with the module in the end-to-end tests.

use proptest::prelude::*;
use tabmesh_protocol::bundle::Edit;

use crate::deploy::parse;

fn edits(source: &str) -> Vec<Edit> {
    let source = source.to_owned();
    parse::on_deep_stack(parse::STACK_BYTES, move || parse::parse(&source, true).unwrap().script).unwrap()
}

/// Edits the source as a tab does.
fn apply(source: &str, edits: &[Edit]) -> String {
    let units: Vec<u16> = source.encode_utf16().collect();
    let (mut script, mut at) = (Vec::new(), 0);
    for Edit(start, end, text) in edits {
        script.extend_from_slice(&units[at..*start as usize]);
        script.extend(text.encode_utf16());
        at = *end as usize;
    }
    script.extend_from_slice(&units[at..]);
    String::from_utf16(&script).unwrap()
}

/// What is between the constant beginning and the line that returns the exports, and that line.
fn form(source: &str) -> Option<(String, String)> {
    let script = apply(source, &edits(source));
    let body = script.strip_prefix("(async function(){\"use strict\";")?;
    let body = body.strip_prefix("let $d$;").or_else(|| body.strip_prefix(';'))?;
    let (body, exports) = body.rsplit_once("\nreturn{__proto__:null")?;
    Some((body.to_owned(), exports.strip_suffix("}})")?.to_owned()))
}

#[test]
fn exports_are_edited_and_nothing_else() {
    for (source, script, exports) in [
        ("export default 1", ";$d$=          1", r#",get "default"(){return $d$}"#),
        ("export default{a}\nvar a", ";$d$=         {a}\nvar a", r#",get "default"(){return $d$}"#),
        ("export/*😀*/default\r\n(x) //", ";$d$=              \r\n(x) //", r#",get "default"(){return $d$}"#),
        ("export default()=>1", ";$d$={default:()=>1};", r#",get "default"(){return $d$.default}"#),
        (
            "export default async function*(){};\n0",
            ";$d$={default: async function*(){}};;\n0",
            r#",get "default"(){return $d$.default}"#,
        ),
        (
            "export default () => 1\n;0",
            ";$d$={default: () => 1};\n;0",
            r#",get "default"(){return $d$.default}"#,
        ),
        (
            "export default (class {}) /* ; */ ;",
            ";$d$={default: (class {})}; /* ; */ ;",
            r#",get "default"(){return $d$.default}"#,
        ),
        (
            "export default (class A {}).b;",
            ";$d$=          (class A {}).b;",
            r#",get "default"(){return $d$}"#,
        ),
        (
            "export default async function f(){} f()",
            ";              async function f(){} f()",
            r#",get "default"(){return f}"#,
        ),
        ("export\ndefault class C{}", ";     \n        class C{}", r#",get "default"(){return C}"#),
        (
            "export const {a, b: [c, ...d], ...e} = f, g = 1",
            ";      const {a, b: [c, ...d], ...e} = f, g = 1",
            r#",get "a"(){return a},get "c"(){return c},get "d"(){return d},get "e"(){return e},get "g"(){return g}"#,
        ),
        (
            "let ü, b; export { ü as \"\\u{1f600} z\",\n ü as default, \\u0062 }; b",
            &format!("let ü, b; ;{}\n{} b", " ".repeat(27), " ".repeat(24)),
            ",get \"😀 z\"(){return ü},get \"default\"(){return ü},get \"b\"(){return b}",
        ),
        ("#!x\nexport {}", "//x\n;        ", ""),
        (
            "'use asm'; `<!-- ${/<!--/} export {}`; // <!--",
            "'use asm'; `<!-- ${/<!--/} export {}`; // <!--",
            "",
        ),
        (
            "let $d$; export { $d$ as default }",
            "let $d$; ;                        ",
            r#",get "default"(){return $d$}"#,
        ),
    ] {
        let (found, getters) = form(source).unwrap_or_else(|| panic!("{source} has no script form"));
        assert_eq!((found.as_str(), getters.as_str()), (script, exports), "{source}");
    }
}

#[test]
fn what_would_mean_something_else_stays_a_module() {
    for source in [
        "import './x.js'",
        "import x from './x.json'",
        "export * from './x.js'",
        "export {} from './x.js'",
        "import('./x.js')",
        "import(x)",
        "() => import.meta.url",
        "typeof arguments",
        "() => arguments",
        "class A { [arguments] }",
        "a <!--b",
        "`${a <!--b}`",
        // No room for the text, or something behind it would move.
        "export\ndefault () => 1",
        "export default () => 1; x",
        "export default () => 1; ; /**/ x",
        // The variable is taken.
        "let $d$; export default 1",
        "export default $d$",
        "() => \\u0024d$; export default 1",
    ] {
        assert_eq!(edits(source), [], "{source}");
    }
    let alone = parse::parse("export default 1", false).unwrap();
    assert_eq!(alone.script, []);
}

#[test]
fn functions_of_the_module_have_arguments_of_their_own() {
    assert!(form("function f(a = arguments) { return () => arguments }").is_some());
}

/// Modules of all that may be exported, in any order, with all that may stand between.
fn modules() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("export default "),
        Just("export default"),
        Just("export "),
        Just("export{a as b};"),
        Just("const a=1"),
        Just("let ü="),
        Just("async "),
        Just("function "),
        Just("function*f"),
        Just("class "),
        Just("C"),
        Just("{}"),
        Just("()"),
        Just("=>"),
        Just("(a)=>"),
        Just("await "),
        Just("`<!--${"),
        Just("}`"),
        Just("<!--"),
        Just("\n-->"),
        Just("arguments"),
        Just("this"),
        Just(";"),
        Just("\n"),
        Just("\r\n"),
        Just("\u{2028}"),
        Just(" "),
        Just("/*\n*/"),
        Just("//😀\n"),
        Just("'use strict'"),
        Just("/}/"),
        Just("1"),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_line_and_column_is_kept(source in modules()) {
        let text = source.clone();
        let Some(Ok(parsed)) = parse::on_deep_stack(parse::STACK_BYTES, move || parse::parse(&text, true)) else { return Ok(()) };
        let [first, inner @ .., last] = parsed.script.as_slice() else { return Ok(()) };
        prop_assert_eq!((first.0, first.1), (0, 0));
        prop_assert_eq!(last.0, last.1);
        let units: Vec<u16> = source.encode_utf16().collect();
        for Edit(start, end, text) in inner {
            let old = String::from_utf16(&units[*start as usize..*end as usize]).unwrap();
            if text == "};" {
                prop_assert_eq!(old, "");
                continue;
            }
            let shape = |text: &str| -> Vec<Option<char>> {
                let line_end = |c| matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}');
                text.chars().flat_map(|c| std::iter::repeat_n(line_end(c).then_some(c), c.len_utf16())).collect()
            };
            prop_assert_eq!(shape(&old), shape(text));
        }
    }
}
