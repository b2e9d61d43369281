//! Tables of plain text, and text of strangers made fit for a terminal. Pure.

use console::{measure_text_width, strip_ansi_codes};

/// Longest cell, in columns of the terminal: what is longer is cut.
const MAX_CELL: usize = 80;

/// Space between columns.
const GAP: &str = "  ";

/// Where a column's text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    /// For numbers.
    Right,
}

/// Lines of a table: headings in capitals, aligned columns, nothing at the ends of lines. Empty without rows.
pub(super) fn table(columns: &[(&str, Align)], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let heading = columns.iter().map(|(name, _)| name.to_uppercase()).collect();
    let rows = rows.iter().map(|row| row.iter().map(|cell| cut(&clean(cell))).collect());
    let rows: Vec<Vec<String>> = std::iter::once(heading).chain(rows).collect();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| measure_text_width(cell)).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(columns).zip(&widths).map(|((cell, (_, align)), width)| {
            let space = " ".repeat(width.saturating_sub(measure_text_width(cell)));
            match align {
                Align::Left => format!("{cell}{space}"),
                Align::Right => format!("{space}{cell}"),
            }
        });
        let line = cells.collect::<Vec<_>>().join(GAP);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Text without what a terminal would take for an order (escapes, bells, directions of writing): handlers, their callers and
/// other people write names and lines that are shown here. Colours go without a trace, tabs become spaces, ends of lines too.
pub(super) fn clean(text: &str) -> String {
    strip_ansi_codes(text).chars().map(|c| if is_order(c) { ' ' } else { c }).collect()
}

/// The same for text of several lines, whose ends stay.
pub(super) fn clean_lines(text: &str) -> String {
    strip_ansi_codes(text).chars().map(|c| if c != '\n' && is_order(c) { ' ' } else { c }).collect()
}

fn is_order(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn cut(cell: &str) -> String {
    console::truncate_str(cell, MAX_CELL, "…").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_in_line() {
        let rows = [
            vec!["hello".into(), "1.2 KB".into(), "3 min ago".into()],
            vec!["größe-世界".into(), "12.0 MB".into(), String::new()],
        ];
        insta::assert_snapshot!(
            table(&[("name", Align::Left), ("size", Align::Right), ("updated", Align::Left)], &rows),
            @r"
        NAME           SIZE  UPDATED
        hello        1.2 KB  3 min ago
        größe-世界  12.0 MB
        "
        );
        assert_eq!(table(&[("name", Align::Left)], &[]), "");
    }

    #[test]
    fn nobody_writes_to_the_terminal_but_us() {
        assert_eq!(clean("a\u{1b}[2Jb\rc\u{202e}d\te"), "ab c d e");
        assert_eq!(clean("\u{1b}[32m200\u{1b}[0m \u{1b}]0;title\u{7}x\u{1b}"), "200 x ");
        assert_eq!(clean_lines("a\nb\u{7}"), "a\nb ");
        let long = table(&[("x", Align::Left)], &[vec!["y".repeat(500)]]);
        assert!(long.lines().all(|line| line.chars().count() <= MAX_CELL), "{long}");
    }
}
