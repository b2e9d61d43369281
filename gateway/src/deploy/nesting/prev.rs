//! What a token says about the next one.

use super::super::scan::Slash;

/// What the scan remembers of the token before.
#[derive(Clone, Copy)]
pub(super) struct Prev {
    pub(super) slash: Slash,
    /// `.` or `?.`: a property name follows, never a keyword.
    pub(super) dot: bool,
    /// `}` that is no template's: an identifier after it starts something new.
    pub(super) close_brace: bool,
    /// A finished operand: an identifier on a new line after it starts a statement.
    pub(super) operand: bool,
    /// An identifier after this token may be a label.
    pub(super) label_may_follow: bool,
    /// An identifier where a label may stand: `:` after it makes it one.
    pub(super) label: bool,
    /// `if`, `while`, `for`, `with`, `switch`, `catch`.
    pub(super) header: bool,
    /// `{` after this token opens a block.
    pub(super) block_follows: bool,
}

impl Prev {
    pub(super) const START: Prev = Prev {
        slash: Slash::Regex,
        dot: false,
        close_brace: false,
        operand: false,
        label_may_follow: true,
        label: false,
        header: false,
        block_follows: true,
    };
    pub(super) const OPERATOR: Prev = Prev { label_may_follow: false, block_follows: false, ..Prev::START };
    pub(super) const OPERAND: Prev = Prev { slash: Slash::Division, operand: true, ..Prev::OPERATOR };
}
