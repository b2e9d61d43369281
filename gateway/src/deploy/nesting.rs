//! A cheap upper bound on how deeply the parser and the semantic pass would recurse into a source text.
//!
//! Both recurse once per nested construct, so a text of 100,000 parentheses would overflow any stack and end the whole
//! gateway. This scan runs before them, on the heap only, and refuses what would need more than the stack that
//! [`super::parse`] gives. It must never count less than the parser recurses: where a text is ambiguous without a
//! parser (`}` before `/`), it counts the worse reading. It does not judge syntax; that is the parser's job.

use super::scan::{self, Slash};

/// Most brackets open at once. Code people write stays below 300; V8 itself gives up in the thousands.
pub(super) const MAX_DEPTH: usize = 3_000;

/// Most units of recursion at once. A unit stands for at most 256 bytes of stack, measured with optimisation on, so
/// this is 50 MB; an unoptimised build needs up to five times that.
pub(super) const MAX_UNITS: u64 = 200_000;

/// Units of one open bracket: 1.6 to 2.4 KB of stack were measured for the costliest, a function expression.
const BRACKET: u64 = 10;

/// Stack in bytes that a text may need at worst, were all of it code, without being looked at more closely.
const HARMLESS_STACK: u64 = 128 << 20;

/// Where and why a text was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooDeep {
    /// Byte offset in the source.
    pub(super) offset: usize,
    /// What to tell the developer.
    pub(super) reason: &'static str,
}

const DEEP: &str = "the code is nested too deeply";
const UNCLEAR: &str = "cannot tell a regular expression from a division here; assign the regular expression to a variable first";

/// Refuses a source text that would make the parser recurse too deeply.
pub(super) fn check(source: &str) -> Result<(), TooDeep> {
    let mut nesting = Nesting::new(source);
    nesting.run();
    nesting.refused.map_or(Ok(()), Err)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    /// `(`; true after `if` and the like, where a statement or block follows the `)`.
    Paren(bool),
    Bracket,
    /// `{`; true if it surely opens a block.
    Brace(bool),
    /// `${` inside a template.
    Template,
}

/// Units counted since the last point where the parser surely returned to this level.
#[derive(Clone, Copy, Default)]
struct Level {
    /// Operators and calls of the expression under way; `,` and `;` end them.
    chain: u64,
    /// Statements that hold a statement without braces (`if (a) if (b) ...`); `;` ends them.
    statements: u64,
    /// `statements` before the last `;`, which `else` and `while` take up again.
    ended: u64,
}

/// What the scan remembers of the token before.
#[derive(Clone, Copy)]
struct Prev {
    slash: Slash,
    /// `.` or `?.`: a property name follows, never a keyword.
    dot: bool,
    /// `}` that is no template's: an identifier after it starts something new.
    close_brace: bool,
    /// A finished operand: an identifier on a new line after it starts a statement.
    operand: bool,
    /// An identifier after this token may be a label.
    label_may_follow: bool,
    /// An identifier where a label may stand: `:` after it makes it one.
    label: bool,
    /// `if`, `while`, `for`, `with`, `switch`, `catch`.
    header: bool,
    /// `{` after this token opens a block.
    block_follows: bool,
}

impl Prev {
    const START: Prev = Prev {
        slash: Slash::Regex,
        dot: false,
        close_brace: false,
        operand: false,
        label_may_follow: true,
        label: false,
        header: false,
        block_follows: true,
    };
    const OPERATOR: Prev = Prev { label_may_follow: false, block_follows: false, ..Prev::START };
    const OPERAND: Prev = Prev { slash: Slash::Division, operand: true, ..Prev::OPERATOR };
}

struct Nesting<'a> {
    source: &'a str,
    bytes: &'a [u8],
    at: usize,
    open: Vec<(Open, Level)>,
    level: Level,
    /// Units of all enclosing levels.
    enclosing: u64,
    /// Brackets in text that could be read as code or not; they stay counted to the end.
    slack: u64,
    prev: Prev,
    newline: bool,
    /// Bytes passed by searches for the end of a regular expression that found none.
    searched: usize,
    /// Offset of the first ambiguity that could hide code.
    unclear: Option<usize>,
    refused: Option<TooDeep>,
}

impl<'a> Nesting<'a> {
    fn new(source: &'a str) -> Self {
        Nesting {
            source,
            bytes: source.as_bytes(),
            at: 0,
            open: Vec::new(),
            level: Level::default(),
            enclosing: 0,
            slack: 0,
            searched: 0,
            prev: Prev::START,
            newline: true,
            unclear: None,
            refused: None,
        }
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn run(&mut self) {
        if self.source.starts_with("#!") {
            self.at = scan::line_end(self.source, 0);
        }
        while self.at < self.bytes.len() && self.refused.is_none() {
            let start = self.at;
            self.token();
            debug_assert!(self.at > start, "the scan must move on");
        }
        if let Some(offset) = self.unclear
            && self.refused.is_none()
            && 2_400 * scan::count_openers(self.bytes) + 300 * self.bytes.len() as u64 > HARMLESS_STACK
        {
            self.refused = Some(TooDeep { offset, reason: UNCLEAR });
        }
    }

    fn token(&mut self) {
        let byte = self.peek(0);
        let space = scan::space_len(self.source, self.at);
        if space.len > 0 {
            self.at += space.len;
            self.newline |= space.newline;
            return;
        }
        match byte {
            b'/' => return self.slash(),
            b'"' | b'\'' => self.string(byte),
            b'`' => {
                self.at += 1;
                self.template();
            }
            b'(' | b'[' | b'{' => self.open(byte),
            b')' | b']' | b'}' => self.close(byte),
            b'0'..=b'9' => self.number(),
            b'.' if self.peek(1).is_ascii_digit() => self.number(),
            _ if scan::starts_word(byte) => self.word(),
            _ => self.operator(byte),
        }
        self.newline = false;
    }

    fn add(&mut self, units: u64) {
        self.level.chain += units;
        self.verify();
    }

    fn verify(&mut self) {
        let units = self.enclosing + self.level.chain + self.level.statements + self.slack * BRACKET;
        if (units > MAX_UNITS || self.open.len() as u64 + self.slack > MAX_DEPTH as u64)
            && self.refused.is_none()
        {
            self.refused = Some(TooDeep { offset: self.at.min(self.source.len()), reason: DEEP });
        }
    }

    fn open(&mut self, byte: u8) {
        let kind = match byte {
            b'(' => Open::Paren(self.prev.header),
            b'[' => Open::Bracket,
            _ => Open::Brace(self.prev.block_follows),
        };
        self.push(kind);
        self.at += 1;
        self.prev = if byte == b'{' { Prev::START } else { Prev::OPERATOR };
    }

    fn push(&mut self, kind: Open) {
        self.open.push((kind, self.level));
        self.enclosing += self.level.chain + self.level.statements + BRACKET;
        self.level = Level::default();
        self.verify();
    }

    fn pop(&mut self) {
        if let Some((_, level)) = self.open.pop() {
            self.level = level;
            self.enclosing -= level.chain + level.statements + BRACKET;
            // The brackets may be one link of a chain of calls or indices.
            self.add(1);
        }
    }

    fn close(&mut self, byte: u8) {
        self.at += 1;
        let top = self.open.last().map(|(kind, _)| *kind);
        match (byte, top) {
            (b'}', Some(Open::Template)) => {
                self.pop();
                self.template();
            }
            (b')', Some(Open::Paren(header))) => {
                self.pop();
                self.prev =
                    if header { Prev::START } else { Prev { label_may_follow: true, ..Prev::OPERAND } };
            }
            (b']', Some(Open::Bracket)) => {
                self.pop();
                self.prev = Prev::OPERAND;
            }
            (b'}', Some(Open::Brace(block))) => {
                self.pop();
                let slash = if block { Slash::Regex } else { Slash::Either };
                self.prev =
                    Prev { slash, close_brace: true, operand: true, block_follows: false, ..Prev::START };
            }
            // Mismatched: the parser stops here. Keeping the level open only counts more.
            _ => self.prev = Prev::OPERAND,
        }
    }

    fn slash(&mut self) {
        match self.peek(1) {
            b'/' => self.at = scan::line_end(self.source, self.at),
            b'*' => {
                let rest = &self.source[self.at + 2..];
                match rest.find("*/") {
                    Some(len) => {
                        self.newline |= rest[..len].contains(['\n', '\r', '\u{2028}', '\u{2029}']);
                        self.at += len + 4;
                    }
                    None => self.doubt(self.source.len()),
                }
            }
            _ => {
                self.newline = false;
                let end = match self.prev.slash {
                    Slash::Division => None,
                    _ => self.regex_end(),
                };
                match (self.prev.slash, end) {
                    (Slash::Regex, Some(end)) => {
                        self.at = end;
                        self.prev = Prev::OPERAND;
                    }
                    (Slash::Either, Some(end)) => {
                        let body = &self.source[self.at + 1..end];
                        if body.contains(['"', '\'', '`']) || body.contains("//") || body.contains("/*") {
                            self.unclear.get_or_insert(self.at);
                        }
                        self.doubt(end);
                        self.prev = Prev::OPERAND;
                    }
                    _ => self.operator(b'/'),
                }
            }
        }
    }

    /// The end of a regular expression here. Searches that find none cost time, so they are limited.
    fn regex_end(&mut self) -> Option<usize> {
        let end = scan::regex_end(self.source, self.at);
        if let Err(passed) = end {
            self.searched += passed;
            if self.searched > 10 * self.source.len() && self.refused.is_none() {
                self.refused = Some(TooDeep { offset: self.at, reason: UNCLEAR });
            }
        }
        end.ok()
    }

    /// Skips to `end`, counting the brackets passed as if they stayed open.
    fn doubt(&mut self, end: usize) {
        let brackets = scan::count_openers(&self.bytes[self.at..end]);
        self.slack += brackets;
        self.at = end;
        self.verify();
    }

    fn string(&mut self, quote: u8) {
        match scan::string_end(self.source, self.at, quote) {
            Ok(end) => self.at = end,
            Err(end) => self.doubt(end),
        }
        self.prev = Prev::OPERAND;
    }

    /// The rest of a template, from after its backtick or after a `}`.
    fn template(&mut self) {
        match scan::template_end(self.bytes, self.at) {
            scan::Template::Closed(end) => {
                self.at = end;
                self.prev = Prev::OPERAND;
                self.add(1);
            }
            scan::Template::Substitution(end) => {
                self.at = end;
                self.push(Open::Template);
                self.prev = Prev::OPERATOR;
            }
            scan::Template::Unterminated => self.doubt(self.bytes.len()),
        }
    }

    fn number(&mut self) {
        self.at = scan::number_end(self.bytes, self.at);
        self.prev = Prev::OPERAND;
    }

    fn word(&mut self) {
        let end = scan::word_end(self.source, self.at);
        let word = &self.source[self.at..end];
        let prev = self.prev;
        self.at = end;
        if prev.dot {
            self.prev = Prev::OPERAND;
            return;
        }
        let joins = matches!(word, "in" | "instanceof" | "of" | "as" | "from" | "extends");
        if !joins && (prev.close_brace || (prev.operand && self.newline)) {
            self.level.chain = 0;
        }
        self.prev = Prev { label: prev.label_may_follow, ..Prev::OPERAND };
        match word {
            "if" | "for" | "with" | "do" | "while" | "else" => {
                if matches!(word, "else" | "while") {
                    self.level.statements += std::mem::take(&mut self.level.ended);
                }
                self.level.chain = 0;
                self.level.statements += 3;
                let header = !matches!(word, "do" | "else");
                self.prev = Prev { header, block_follows: !header, ..Prev::START };
            }
            // `for await (`.
            "await" if prev.header => self.prev = prev,
            // The semantic pass looks up from each one to its function: the weight bounds that work too.
            "await" => {
                self.add(10);
                self.prev = Prev::OPERATOR;
            }
            "new" | "typeof" | "void" | "delete" | "yield" => {
                self.add(2);
                self.prev = Prev::OPERATOR;
            }
            "extends" => {
                self.level.statements += 6;
                self.prev = Prev::OPERATOR;
            }
            "return" | "throw" | "break" | "continue" | "debugger" | "export" => {
                self.level.chain = 0;
                self.prev = Prev::OPERATOR;
            }
            "try" | "finally" | "switch" | "catch" => {
                self.level.chain = 0;
                let header = matches!(word, "switch" | "catch");
                self.prev = Prev { operand: false, header, block_follows: true, ..Prev::OPERAND };
            }
            "const" | "let" | "var" => {
                self.level.chain = 0;
                self.prev.operand = false;
            }
            "case" | "in" | "instanceof" | "default" => {
                self.add(1);
                self.prev = Prev::OPERATOR;
            }
            "of" => self.prev = Prev { slash: Slash::Either, ..Prev::OPERATOR },
            "class" | "function" | "async" | "get" | "set" | "static" | "accessor" | "import" => {
                self.prev.operand = false;
            }
            _ => {}
        }
        self.verify();
    }

    fn operator(&mut self, byte: u8) {
        let next = self.peek(1);
        let prev = self.prev;
        self.prev = Prev::OPERATOR;
        let mut len = 1;
        match (byte, next) {
            (b';', _) => {
                self.level.ended = self.level.statements;
                self.level.statements = 0;
                self.level.chain = 0;
                // In `for (;;)` expressions follow.
                let block_follows = !matches!(self.open.last(), Some((Open::Paren(_), _)));
                self.prev = Prev { block_follows, ..Prev::START };
            }
            (b',', _) => self.level.chain = 0,
            (b':', _) if prev.label => {
                // The semantic pass compares a label with all around it: the weight bounds that work too.
                self.level.statements += 20;
                self.prev = Prev::START;
                self.verify();
            }
            (b':', _) => {
                self.prev.label_may_follow = true;
                self.add(1);
            }
            (b'=', b'>') => {
                len = 2;
                self.prev.block_follows = true;
                self.add(4);
            }
            (b'=' | b'!' | b'<' | b'>', b'=') => {
                len = 2;
                self.add(1);
            }
            (b'=', _) => self.add(3),
            (b'?', b'.') if !self.peek(2).is_ascii_digit() => {
                len = 2;
                self.prev.dot = true;
                self.add(1);
            }
            (b'?', b'?') => {
                len = 2;
                self.add(1);
            }
            (b'?', _) => self.add(3),
            (b'+' | b'-', _) if next == byte => {
                len = 2;
                // Postfix after an operand on the same line, else prefix.
                if prev.slash == Slash::Division && !self.newline {
                    self.prev = Prev::OPERAND;
                } else if prev.slash == Slash::Either {
                    self.prev.slash = Slash::Either;
                }
                self.add(1);
            }
            (b'.', b'.') => len = if self.peek(2) == b'.' { 3 } else { 1 },
            (b'.', _) => {
                self.prev.dot = true;
                self.add(1);
            }
            _ => self.add(1),
        }
        // Only ASCII bytes come here: every other character is a space or part of a word.
        self.at += len;
    }
}

#[cfg(test)]
mod tests {
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
}
