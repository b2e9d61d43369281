//! Source maps: from a place in the code that runs to the place in what its developer wrote.
//!
//! Pure, and for the log alone: maps are kept beside a version and never reach a tab or a caller. What a map says is a
//! stranger's text; all that can come of a false one is a wrong line in that stranger's own log.

use std::collections::{BTreeMap, HashMap};

use oxc_sourcemap::{SourceMap, SourceMapParts};
use serde::{Deserialize, Serialize};

/// Most bytes of the maps of one deployment, without the sources that they may quote: what some 4 MB of bundled code have.
pub const MAX_MAP_BYTES: usize = 6 << 20;

/// Most characters of a source's name in a log line.
const MAX_SOURCE_NAME: usize = 255;

/// The maps of one deployment, by module, as they are stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SourceMaps(BTreeMap<String, Stored>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stored {
    /// UTF-16 units that stand before the module's own first line when it runs.
    shift: u32,
    /// The map as JSON.
    map: String,
}

/// Why a file is no map that can be used; a sentence without its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    /// It cannot be read.
    #[error("not a source map of version 3")]
    Invalid,
    /// It is composed of sections, as some bundlers for development write.
    #[error("source maps with sections are not supported")]
    Sections,
    /// All together are over [`MAX_MAP_BYTES`].
    #[error("the source maps have more than {MAX_MAP_BYTES} bytes without the sources they quote")]
    TooLarge,
}

impl SourceMaps {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keeps the map of a module: `json` without the sources that it quotes.
    ///
    /// # Errors
    /// As [`MapError`] says; then nothing is kept.
    pub fn insert(&mut self, module: &str, json: &str) -> Result<(), MapError> {
        let map = slim(json)?;
        let kept: usize = self.0.values().map(|stored| stored.map.len()).sum();
        if kept + map.len() > MAX_MAP_BYTES {
            return Err(MapError::TooLarge);
        }
        self.0.insert(module.to_owned(), Stored { shift: 0, map });
        Ok(())
    }

    /// Says that a module's first line begins `units` UTF-16 units later when it runs.
    pub fn shift(&mut self, module: &str, units: usize) {
        if let Some(stored) = self.0.get_mut(module) {
            stored.shift = stored.shift.saturating_add(u32::try_from(units).unwrap_or(u32::MAX));
        }
    }

    /// Ready to be asked. Takes some 20 ms per MB.
    #[must_use]
    pub fn decode(&self) -> Decoded {
        let modules = self.0.iter().filter_map(|(name, stored)| {
            let map = SourceMap::from_json_string(&stored.map).ok()?.into_owned();
            Some((shown_name(name), Module { shift: stored.shift, map }))
        });
        Decoded { modules: modules.collect() }
    }
}

/// A module's name as isolates write it into stacks.
pub(crate) fn shown_name(name: &str) -> String {
    name.replace(char::is_whitespace, "_")
}

/// The map without the sources it quotes, and with their names as the log shows them.
fn slim(json: &str) -> Result<String, MapError> {
    // Some servers put this before JSON so that no page can run it.
    let json =
        json.strip_prefix(")]}'").map_or(json, |rest| rest.split_once('\n').map_or("", |(_, rest)| rest));
    #[derive(Deserialize)]
    struct Shape {
        version: u32,
        sections: Option<serde::de::IgnoredAny>,
    }
    let shape: Shape = serde_json::from_str(json).map_err(|_| MapError::Invalid)?;
    if shape.sections.is_some() {
        return Err(MapError::Sections);
    }
    if shape.version != 3 {
        return Err(MapError::Invalid);
    }
    let parts = SourceMap::from_json_string(json).map_err(|_| MapError::Invalid)?.into_parts();
    let root = parts.source_root.as_deref().unwrap_or("").to_owned();
    let sources = parts.sources.iter().map(|source| source_name(&root, source).into()).collect();
    let slim = SourceMapParts { tokens: parts.tokens, sources, ..SourceMapParts::default() };
    Ok(SourceMap::from_parts(slim).to_json_string())
}

/// `../src/./index.ts` as `src/index.ts`: people know their files from the project's folder.
fn source_name(root: &str, source: &str) -> String {
    let full =
        if root.is_empty() { source.to_owned() } else { format!("{}/{source}", root.trim_end_matches('/')) };
    let mut parts: Vec<&str> = Vec::new();
    for part in full.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    let name = parts.join("/");
    name.chars()
        .map(|c| if c.is_control() || c.is_whitespace() { '_' } else { c })
        .take(MAX_SOURCE_NAME)
        .collect()
}

/// Maps that can be asked.
#[derive(Debug, Default)]
pub struct Decoded {
    modules: HashMap<String, Module>,
}

#[derive(Debug)]
struct Module {
    shift: u32,
    map: SourceMap<'static>,
}

impl Decoded {
    /// Where line and column (both from 1) of a module come from: source, line, column.
    #[must_use]
    pub fn origin(&self, module: &str, line: u32, column: u32) -> Option<(&str, u32, u32)> {
        let Module { shift, map } = self.modules.get(module)?;
        let shift = if line == 1 { *shift } else { 0 };
        let wanted = (line.checked_sub(1)?, column.checked_sub(1)?.saturating_sub(shift));
        let tokens = u32::try_from(map.get_tokens().len()).unwrap_or(u32::MAX);
        // The last token at or before it.
        let (mut low, mut high) = (0, tokens);
        while low < high {
            let middle = low + (high - low) / 2;
            let token = map.get_token(middle)?;
            if (token.get_dst_line(), token.get_dst_col()) <= wanted {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let token = map.get_token(low.checked_sub(1)?)?;
        if token.get_dst_line() != wanted.0 {
            return None;
        }
        let source = map.get_source(token.get_source_id()?)?;
        Some((source, token.get_src_line().saturating_add(1), token.get_src_col().saturating_add(1)))
    }

    /// `text` with every `module:line:column` that a map knows replaced by its origin.
    #[must_use]
    pub fn rewrite(&self, text: &str) -> String {
        let mut rewritten = String::with_capacity(text.len());
        let mut at = 0;
        for place in places(text) {
            let Some((source, line, column)) =
                self.origin(&text[place.start..place.colon], place.line, place.column)
            else {
                continue;
            };
            rewritten.push_str(&text[at..place.start]);
            rewritten.push_str(&format!("{source}:{line}:{column}"));
            at = place.end;
        }
        rewritten.push_str(&text[at..]);
        rewritten
    }
}

/// Whether a text may name a place in code, as the lines of a stack do. Cheap.
#[must_use]
pub fn names_a_place(text: &str) -> bool {
    places(text).next().is_some()
}

struct Place {
    start: usize,
    colon: usize,
    end: usize,
    line: u32,
    column: u32,
}

/// Every `name:1:2` of a text, in order.
fn places(text: &str) -> impl Iterator<Item = Place> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let colon = from + text[from..].find(':')?;
            let (line, after) = number(text, colon + 1);
            let Some(line) = line.filter(|_| text[after..].starts_with(':')) else {
                from = colon + 1;
                continue;
            };
            let (column, end) = number(text, after + 1);
            let Some(column) = column else {
                from = colon + 1;
                continue;
            };
            let boundary = |c: char| c.is_whitespace() || matches!(c, '(' | '@' | '"' | '\'' | '<');
            let start = text[from..colon].rfind(boundary).map_or(from, |index| {
                from + index + text[from + index..].chars().next().map_or(1, char::len_utf8)
            });
            from = end;
            return Some(Place { start, colon, end, line, column });
        }
    })
}

/// A number at `at`, and where it ends.
fn number(text: &str, at: usize) -> (Option<u32>, usize) {
    let end = at + text[at..].bytes().take_while(u8::is_ascii_digit).count();
    (text[at..end].parse().ok(), end)
}

#[cfg(test)]
mod tests;
