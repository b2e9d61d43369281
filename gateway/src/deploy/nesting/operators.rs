//! Operators and separators: which of them nest, and what may follow them.

use super::super::scan::Slash;
use super::{Nesting, Open, Prev};

impl Nesting<'_> {
    pub(super) fn operator(&mut self, byte: u8) {
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
