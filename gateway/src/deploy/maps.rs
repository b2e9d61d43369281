//! The source maps of a deployment: files beside their modules, or comments at their ends.

use base64::Engine as _;

use super::SourceFile;
use super::error::CompileError;
use super::resolve::join;
use crate::sourcemap::SourceMaps;

const MARK: &str = "//# sourceMappingURL=";

/// What the comment at a module's end says.
enum Comment<'a> {
    /// The map itself, base64.
    Inline(&'a str),
    /// A URL relative to the module, as written.
    File(&'a str),
}

/// Map files that wait for their modules.
#[derive(Debug, Default)]
pub(super) struct MapFiles(Vec<SourceFile>);

/// Takes the map files out of a deployment's files.
pub(super) fn split(files: Vec<SourceFile>) -> (Vec<SourceFile>, MapFiles) {
    let (maps, files) = files.into_iter().partition(|file| file.name.ends_with(".map"));
    (files, MapFiles(maps))
}

impl MapFiles {
    /// Finds the map of a module whose text is `text`: takes the map out of the comment, or the file out of these.
    pub(super) fn take(
        &mut self,
        module: &str,
        text: &mut String,
        maps: &mut SourceMaps,
    ) -> Result<(), CompileError> {
        let beside = format!("{module}.map");
        let mut named = None;
        if let Some((at, comment)) = comment(text) {
            match comment {
                Comment::Inline(data) => {
                    let json = base64::engine::general_purpose::STANDARD.decode(data).unwrap_or_default();
                    let json = String::from_utf8(json).unwrap_or_default();
                    maps.insert(module, &json).map_err(|error| wrong(module, &error))?;
                    // Tabs have no use for it, and it is most of the text.
                    let end = text[at..].find('\n').map_or(text.len(), |len| at + len);
                    text.replace_range(at..end, "");
                    return Ok(());
                }
                Comment::File(url) => named = join(module, url),
            }
        }
        let found = self.0.iter().position(|file| file.name == beside || Some(&file.name) == named.as_ref());
        let Some(index) = found else { return Ok(()) };
        let file = self.0.swap_remove(index);
        let json = std::str::from_utf8(&file.bytes).unwrap_or_default();
        maps.insert(module, json).map_err(|error| wrong(&file.name, &error))
    }

    /// Refuses what belongs to no module.
    pub(super) fn finish(self) -> Result<(), CompileError> {
        self.0.first().map_or(Ok(()), |file| {
            Err(CompileError::in_file(
                &file.name,
                "this source map belongs to no module of the deployment",
                Some("a map is named like its module, with .map at the end: main.js.map"),
            ))
        })
    }
}

fn wrong(file: &str, error: &crate::sourcemap::MapError) -> CompileError {
    CompileError::in_file(
        file,
        error.to_string(),
        Some("leave the map out, or let the bundler write it anew"),
    )
}

/// The last such comment, if it stands on one of the last lines: bundlers may write a few more after it.
fn comment(text: &str) -> Option<(usize, Comment<'_>)> {
    let at = text.rfind(MARK)?;
    let starts_line = text[..at].chars().next_back().is_none_or(|c| c == '\n');
    let url = text[at + MARK.len()..].lines().next().unwrap_or("").trim_end();
    if !starts_line || url.contains(['`', '"', '\'', ' ']) {
        return None;
    }
    match url.strip_prefix("data:application/json") {
        Some(data) => Some((at, Comment::Inline(data.split_once("base64,")?.1))),
        None => Some((at, Comment::File(url))),
    }
}
