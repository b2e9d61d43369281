//! Ordinary code passes, hostile code does not, and nothing hides it.

use super::*;

#[test]
fn ordinary_code_passes() {
    for source in [
        "",
        "#!/usr/bin/env node ((((\nexport default 1",
        "const a = b / c / d; const r = /[/(]+/g; if (a) /x\"/.test(b); `${a}${`${b}`}`",
        "for (const x of /(/g) {}",
        "if (a) { b } /['\"`]/.test(c) && d; function f() {} /'/.test(g)",
    ] {
        assert_eq!(check(source), Ok(()), "{source}");
    }
    let clear =
        "for(;;){a}/[\"'(]/.test(b)&&c();switch(d){default:e}/`/.test(f)||(()=>{})()\n".repeat(20_000);
    assert_eq!(check(&clear), Ok(()));
    let list = format!("const big = [{}];", "{ a: 1, b: [2, 3], c: x => -x },".repeat(100_000));
    assert_eq!(check(&list), Ok(()));
    let functions = "function f(a){return a?1:2}class A extends B{m(){}}".repeat(20_000);
    assert_eq!(check(&functions), Ok(()));
    let unterminated = "x = y\nz.a = (b) => c + d\n".repeat(100_000);
    assert_eq!(check(&unterminated), Ok(()));
    let strings = format!("const t = {};", vec!["\"((((((((((\""; 50_000].join(" +\n"));
    assert_eq!(check(&strings), Ok(()));
    let cases = format!("switch (a) {{{}}}", "case 1: b(); break; ".repeat(50_000));
    assert_eq!(check(&cases), Ok(()));
}

#[test]
fn every_kind_of_deep_nesting_is_refused() {
    for piece in [
        "(",
        "[",
        "{",
        "{a:",
        "f(",
        "`${",
        "a=>",
        "(a)=>",
        "async(a)=>",
        "x=",
        "a?b:",
        "a?",
        "new ",
        "if(1)",
        "if(1);else ",
        "for(;;)",
        "do ",
        "a:",
        "class extends ",
        "function f(){",
        "class A{m(){",
        "await ",
        "while(1)",
        "!",
        "-",
        "typeof ",
        "yield ",
        "a**",
        "a+",
        "a.",
        ".a",
        "()",
        "[0]",
        "``",
        "?.a",
        "/1",
        "a\n**",
        "@(",
        "import(",
        "++\n",
    ] {
        let source = format!("x={}", piece.repeat(400_000));
        assert!(check(&source).is_err(), "{piece}");
    }
}

#[test]
fn code_cannot_be_hidden_from_the_count() {
    let deep = "(".repeat(100_000);
    for source in [
        format!("//\u{2028}{deep}"),
        format!("x={{}}/{deep}/1"),
        format!("x={{}}/'/'+{deep}1//'/"),
        format!("x={{}}/'/'+{}1//'/", "a=>".repeat(400_000)),
        format!("x=>{{}}\n/'/+{deep}/1"),
        format!("for(;{{}}/'/'+{deep}1//'/"),
        format!("a++/1+{deep}/1"),
        format!("(a)/1+{deep}/1"),
        format!("a.if(b)/1+{deep}/1"),
        format!("a.return/1+{deep}/1"),
        format!("\\u{{61}}/1+{deep}/1"),
        format!("return\u{a0}/x/+{deep}"),
        format!("'\\\n'+{deep}"),
        format!("`\\``+{deep}"),
        format!("`${{1}}`+{deep}"),
        format!("'\n{deep}'"),
        format!("/* {deep}"),
    ] {
        assert!(check(&source).is_err(), "{:?}", &source[..40]);
    }
}
