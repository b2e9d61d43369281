//! What comes out of TypeScript, and that nothing that goes in overflows.

use super::super::parse::on_deep_stack;
use super::*;

fn compiled(name: &str, source: &str) -> Result<Output, Fault> {
    let (name, source) = (name.to_owned(), source.to_owned());
    on_deep_stack(STACK_BYTES, move || compile(&name, &source, language(&name).unwrap())).unwrap()
}

fn code(name: &str, source: &str) -> String {
    compiled(name, source).unwrap().code
}

#[test]
fn types_go_and_values_stay() {
    let code = code(
        "a.ts",
        "import type { T } from './t'; import { U } from './u'; import { v } from './v';
         interface I { a: number }
         enum Color { Red, Green = 'g' }
         namespace N { export const x = 1 }
         class A<X> { constructor(private readonly y: X, public z?: U) {} }
         const w = <T,>(a: T): a is T => v! as unknown as T satisfies T;
         export default { fetch(request: Request): Response { return new Response(String(w)) } };",
    );
    for gone in ["./t", "./u", "interface", "number", "as unknown", "satisfies", "private", ": Request"] {
        assert!(!code.contains(gone), "{gone} in {code}");
    }
    for kept in ["./v", "Color[Color[\"Red\"] = 0] = \"Red\"", "N.x = 1", "this.y = y", "export default"] {
        assert!(code.contains(kept), "{kept} not in {code}");
    }
}

#[test]
fn jsx_is_written_out_and_its_pragma_heard() {
    let automatic = code("a.jsx", "export default () => <a b={1}>c</a>;");
    assert!(automatic.contains("react/jsx-runtime") && automatic.contains("children: \"c\""), "{automatic}");
    let source = code("a.tsx", "/** @jsxImportSource hono/jsx */\nexport default () => <><a/></>;");
    assert!(source.contains("hono/jsx/jsx-runtime"), "{source}");
    let classic =
        code("a.tsx", "/** @jsxRuntime classic @jsx h */\nconst h = (x) => x; export default () => <a/>;");
    assert!(classic.contains("h(\"a\"") && !classic.contains("react"), "{classic}");
}

#[test]
fn the_map_leads_back() {
    let source = "type A = {\n  a: number;\n};\nexport default () => {\n  throw new Error('x');\n};\n";
    let output = compiled("src/a.ts", source).unwrap();
    let mut maps = crate::sourcemap::SourceMaps::default();
    maps.insert("src/a.ts", &output.map).unwrap();
    let (line, text) = output.code.lines().enumerate().find(|(_, text)| text.contains("new Error")).unwrap();
    let column = text.find("new Error").unwrap() + 1;
    let origin = maps.decode();
    let found = origin.origin("src/a.ts", u32::try_from(line + 1).unwrap(), u32::try_from(column).unwrap());
    assert_eq!(found, Some(("src/a.ts", 5, 9)));
}

#[test]
fn mistakes_have_their_place() {
    let source = "type A = number;\nexport default { fetch( { }\n";
    let fault = compiled("a.ts", source).unwrap_err();
    assert!(fault.offset > 16, "{fault:?}");
    assert!(compiled("a.ts", "let a: number;\nlet a: string;").is_err());
}

/// Would end the process, not the test.
#[test]
fn the_densest_text_does_not_overflow() {
    for piece in [
        "(",
        "[",
        "{",
        "!",
        "-",
        "<",
        "<a>",
        "A<",
        "a as ",
        "x!",
        "a!",
        "keyof ",
        "()=>",
        "`${",
        "a?b:",
        "a<b>(",
        "A|(",
        "A&",
        "A[",
        "new ",
        "typeof ",
        "await ",
        "if(1)",
        "a:",
        "class A{m(){",
        "namespace A{",
        "{a:",
        "A extends B?C:",
        "@(",
        "<a b={",
        "a,",
        "a.",
        "</a>(",
        "enum A{a=",
        "import(",
        "async<T>(a)=>",
        "infer A extends ",
        "a satisfies ",
        "readonly ",
        "abstract new ()=>",
        "(a:",
    ] {
        let signs = piece.bytes().filter(u8::is_ascii_punctuation).count();
        let cost = signs * SIGN + (piece.len() - signs) * CHARACTER;
        let angles = piece.matches('<').count();
        let most = (USABLE / cost - 10).min(MAX_ANGLES.checked_div(angles).unwrap_or(usize::MAX));
        // What takes more than linear time is bounded by `MAX_ANGLES`; here it is the stack that counts.
        let most = if piece == "A<" { 1_000 } else { most };
        for (start, name) in [("let x=", "a.ts"), ("type A=", "a.tsx")] {
            // Whatever it says, it says something.
            let _ = compiled(name, &format!("{start}{}", piece.repeat(most)));
        }
    }
    assert!(compiled("a.ts", &"a<b;".repeat(MAX_ANGLES + 1)).unwrap_err().message.contains("too large"));
    let large = "a.b(c);\n".repeat(100_000);
    assert!(compiled("a.ts", &large).unwrap_err().message.contains("too large"));
}
