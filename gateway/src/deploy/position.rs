//! Offsets as people count: lines and columns.

/// Line and column of a byte offset, both from 1; columns count characters. Lines end as JavaScript says.
pub(super) fn at(source: &str, offset: usize) -> (u32, u32) {
    let mut offset = offset.min(source.len());
    while !source.is_char_boundary(offset) {
        offset -= 1;
    }
    let (mut line, mut column) = (1u32, 1u32);
    let mut chars = source[..offset].chars().peekable();
    while let Some(c) = chars.next() {
        let ends = match c {
            // The line ends at the `\n` that follows, also when the offset lies between the two.
            '\r' => chars.peek() != Some(&'\n'),
            '\n' | '\u{2028}' | '\u{2029}' => true,
            _ => false,
        };
        if ends {
            line = line.saturating_add(1);
            column = 1;
        } else {
            column = column.saturating_add(1);
        }
    }
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::at;

    #[test]
    fn counts_lines_and_characters() {
        let source = "aä😀b\r\nc\rd\n\u{2028}e";
        assert_eq!(at(source, 0), (1, 1));
        assert_eq!(at(source, source.find('b').unwrap()), (1, 4));
        assert_eq!(at(source, source.find('c').unwrap()), (2, 1));
        assert_eq!(at(source, source.find('d').unwrap()), (3, 1));
        assert_eq!(at(source, source.find('e').unwrap()), (5, 1));
        assert_eq!(at(source, usize::MAX), (5, 2));
        assert_eq!(at(source, 2), (1, 2));
    }
}
