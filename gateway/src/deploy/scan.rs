//! Where JavaScript tokens end: the lexical half of [`super::nesting`].
//!
//! Only boundaries; no syntax, no values. Every function returns an offset on a character boundary past its start.

/// How a `/` at this place reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slash {
    /// The start of a regular expression.
    Regex,
    /// An operator.
    Division,
    /// Only a parser could tell.
    Either,
}

/// White space or a line end at an offset.
pub(super) struct Space {
    /// Bytes; 0 if there is none.
    pub(super) len: usize,
    /// Whether it ends a line.
    pub(super) newline: bool,
}

fn char_at(source: &str, at: usize) -> Option<char> {
    source.get(at..).and_then(|rest| rest.chars().next())
}

pub(super) fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

/// One character of white space at `at`.
pub(super) fn space_len(source: &str, at: usize) -> Space {
    match source.as_bytes().get(at) {
        Some(b'\n' | b'\r') => Space { len: 1, newline: true },
        Some(b' ' | b'\t' | 0x0b | 0x0c) => Space { len: 1, newline: false },
        Some(0x80..) => match char_at(source, at) {
            Some(c) if c.is_whitespace() || c == '\u{feff}' => {
                Space { len: c.len_utf8(), newline: is_line_end(c) }
            }
            _ => Space { len: 0, newline: false },
        },
        _ => Space { len: 0, newline: false },
    }
}

/// The offset of the next line end, or of the text's end.
pub(super) fn line_end(source: &str, at: usize) -> usize {
    source[at..].find(is_line_end).map_or(source.len(), |len| at + len)
}

/// Whether a byte that is no white space starts an identifier, keyword or private name.
pub(super) fn starts_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$' | b'#' | b'\\') || byte >= 0x80
}

/// The end of the word that starts at `at`. Takes `\u{61}` as part of it.
pub(super) fn word_end(source: &str, at: usize) -> usize {
    let bytes = source.as_bytes();
    let mut end = at + char_at(source, at).map_or(1, char::len_utf8);
    if bytes[at] == b'\\' {
        end = escape_end(bytes, at);
    }
    while let Some(&byte) = bytes.get(end) {
        end = match byte {
            b'\\' => escape_end(bytes, end),
            _ if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') => end + 1,
            0x80.. => match char_at(source, end) {
                Some(c) if space_len(source, end).len == 0 => end + c.len_utf8(),
                _ => break,
            },
            _ => break,
        };
    }
    end
}

/// The end of a `\u` escape: with braces if it is well formed, else of the backslash alone.
fn escape_end(bytes: &[u8], at: usize) -> usize {
    if !bytes[at..].starts_with(b"\\u{") {
        return at + 1;
    }
    let digits = bytes[at + 3..].iter().take_while(|b| b.is_ascii_hexdigit()).count();
    if bytes.get(at + 3 + digits) == Some(&b'}') { at + digits + 4 } else { at + 1 }
}

/// The end of a number, generously: what sticks to it is part of it.
pub(super) fn number_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while let Some(byte) = bytes.get(end) {
        let exponent = matches!(byte, b'+' | b'-')
            && matches!(bytes[end - 1], b'e' | b'E')
            && !bytes[at..].starts_with(b"0x")
            && !bytes[at..].starts_with(b"0X");
        if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.') || exponent {
            end += 1;
        } else {
            break;
        }
    }
    end
}

/// The end of a quoted string; `Err` with the offset where it broke off.
pub(super) fn string_end(source: &str, at: usize, quote: u8) -> Result<usize, usize> {
    let bytes = source.as_bytes();
    let mut end = at + 1;
    while let Some(&byte) = bytes.get(end) {
        match byte {
            b'\\' => {
                end += 1;
                end += if bytes[end..].starts_with(b"\r\n") {
                    2
                } else {
                    char_at(source, end).map_or(0, char::len_utf8)
                };
            }
            b'\n' | b'\r' => return Err(end),
            _ if byte == quote => return Ok(end + 1),
            _ => end += 1,
        }
    }
    Err(bytes.len())
}

/// How a template goes on.
pub(super) enum Template {
    /// Ends before this offset.
    Closed(usize),
    /// `${` ends before this offset.
    Substitution(usize),
    /// Runs to the end of the text.
    Unterminated,
}

/// The end of a template's text from `at`, inside the template.
pub(super) fn template_end(bytes: &[u8], at: usize) -> Template {
    let mut end = at;
    while let Some(byte) = bytes.get(end) {
        match byte {
            b'\\' => end += 2,
            b'`' => return Template::Closed(end + 1),
            b'$' if bytes.get(end + 1) == Some(&b'{') => return Template::Substitution(end + 2),
            _ => end += 1,
        }
    }
    Template::Unterminated
}

/// The end of a regular expression with its flags; `Err` with the bytes passed if it does not end on its line.
pub(super) fn regex_end(source: &str, at: usize) -> Result<usize, usize> {
    let mut class = false;
    let mut escaped = false;
    for (offset, c) in source[at + 1..].char_indices() {
        if is_line_end(c) {
            return Err(offset);
        }
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => class = true,
            ']' => class = false,
            '/' if !class => {
                let end = at + 1 + offset + 1;
                let flags = source.as_bytes()[end..].iter().take_while(|b| b.is_ascii_alphanumeric()).count();
                return Ok(end + flags);
            }
            _ => {}
        }
    }
    Err(source.len() - at)
}

/// How many opening brackets are in `bytes`.
pub(super) fn count_openers(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|b| matches!(b, b'(' | b'[' | b'{')).count() as u64
}
