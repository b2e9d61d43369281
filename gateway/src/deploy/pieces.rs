//! Cuts a module's source at its import specifiers.

use std::ops::Range;

use tabmesh_protocol::bundle::Piece;

use super::link::Link;
use super::read::Read;
use super::scan::is_line_end;

/// The pieces of a module whose imports mean the modules at `places`.
///
/// Attributes of linked imports are blanked out, every line and column kept: the tab gives each module the URL of a
/// script, whatever it was. Apart from that the pieces, with the specifiers put back, are the source.
pub(super) fn cut(module: &Read, links: &[Link], places: &[u32]) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(2 * links.len() + 1);
    let mut text = String::new();
    let mut at = 0;
    for link in links {
        let import = &module.parsed.imports[link.import];
        // Imports are in source order; one inside text that was blanked out is gone.
        if import.span.start < at {
            continue;
        }
        text.push_str(&module.text[at..import.span.start]);
        if !text.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut text)));
        }
        pieces.push(Piece::Import(places[link.target]));
        at = import.span.end;
        if let Some(attributes) = &import.attributes {
            text.push_str(&module.text[at..attributes.span.start]);
            blank(&mut text, &module.text, attributes.span.clone());
            at = attributes.span.end;
        }
    }
    text.push_str(&module.text[at..]);
    if !text.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Text(text));
    }
    pieces
}

/// A space for each UTF-16 unit, as engines count columns; line ends stay.
pub(super) fn blank(text: &mut String, source: &str, span: Range<usize>) {
    for c in source[span].chars() {
        if is_line_end(c) {
            text.push(c);
        } else {
            text.extend(std::iter::repeat_n(' ', c.len_utf16()));
        }
    }
}
