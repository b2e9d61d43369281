//! A cheap upper bound on how deeply the parser and the semantic pass would recurse into a source text.
//!
//! Both recurse once per nested construct, so a text of 100,000 parentheses would overflow any stack and end the whole
//! gateway. This scan runs before them, on the heap only, and refuses what would need more than the stack that
//! [`super::parse`] gives. It must never count less than the parser recurses: where a text is ambiguous without a
//! parser (`}` before `/`), it counts the worse reading. It does not judge syntax; that is the parser's job.

mod operators;
mod prev;
#[cfg(test)]
mod tests;
mod words;

use super::scan::{self, Slash};
use prev::Prev;

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
}
