//! Identifiers and keywords: which of them nest, and what may follow them.

use super::super::scan::{self, Slash};
use super::{Nesting, Prev};

impl Nesting<'_> {
    pub(super) fn word(&mut self) {
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
}
