//! The files that make a sandbox: the frame's document in two shapes and the one script that isolates run.
//!
//! A frame on an origin of its own loads script and isolates by URL. An opaque frame can load nothing, so its document
//! holds both texts: its own module inline, allowed by hash, and the isolate's script as data.

use super::script::{self, ScriptError};
use super::tree::Asset;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The document of a tenant's frame on an origin of its own.
pub(super) const FRAME_PAGE: &str = "frame.html";
/// Its script.
pub(super) const FRAME_SCRIPT: &str = "frame.js";
/// What isolates run.
pub(super) const ISOLATE_SCRIPT: &str = script::ENTRY;
/// The document of a frame without an origin.
pub(super) const OPAQUE_PAGE: &str = "opaque.html";

/// The files to serve, out of those of `web/isolate/`, and the CSP source that allows the opaque frame's own script.
///
/// # Errors
/// When the modules cannot be joined or the texts cannot stand in a document.
pub(super) fn files(
    sources: &BTreeMap<String, String>,
) -> Result<(BTreeMap<String, Asset>, String), ScriptError> {
    let text = |name: &str| {
        let missing = || ScriptError::Missing { module: OPAQUE_PAGE.into(), what: name.to_owned() };
        sources.get(name).map(String::as_str).ok_or_else(missing)
    };
    let script = script::join(sources)?;
    let frame = text(FRAME_SCRIPT)?;
    let opaque = text(OPAQUE_PAGE)?
        .replace("{{frame}}", inline(FRAME_SCRIPT, frame)?)
        .replace("{{isolate}}", inline(ISOLATE_SCRIPT, &script)?);
    let allowed = format!("'sha256-{}'", STANDARD.encode(Sha256::digest(frame)));
    let files = [
        (FRAME_PAGE, "text/html", text(FRAME_PAGE)?.to_owned()),
        (FRAME_SCRIPT, "text/javascript", frame.to_owned()),
        (OPAQUE_PAGE, "text/html", opaque),
        (ISOLATE_SCRIPT, "text/javascript", script),
    ];
    let files = files.map(|(name, mime, text)| (name.to_owned(), Asset::new(mime, text)));
    Ok((files.into(), allowed))
}

/// `text`, if it can stand in a `<script>` element as it is: nothing in it may end the element or begin a comment, and
/// line ends must be those that the HTML parser keeps, or the hash would not fit.
fn inline<'t>(module: &str, text: &'t str) -> Result<&'t str, ScriptError> {
    let lower = text.to_ascii_lowercase();
    match ["</script", "<script", "<!--", "\r", "\0"].iter().find_map(|bad| lower.find(bad)) {
        None => Ok(text),
        Some(offset) => Err(ScriptError::Rule {
            module: module.to_owned(),
            line: lower.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1,
            rule: "text that cannot stand in a script element of a document".into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::isolate_files;
    use super::*;

    #[test]
    fn the_real_modules_make_one_script_without_leftovers() {
        let sources = isolate_files();
        let (files, _) = files(&sources).unwrap();
        let script = String::from_utf8(files[ISOLATE_SCRIPT].bytes.to_vec()).unwrap();
        for name in sources.keys().filter(|name| name.ends_with(".js") && *name != FRAME_SCRIPT) {
            assert!(
                script.contains(&format!("\n// {name}\n")) || script.starts_with(&format!("// {name}\n")),
                "{name} is imported by nobody"
            );
        }
        assert!(script.ends_with("//# sourceURL=tabmesh-isolate.js\n"));
        assert_eq!(files.len(), 4);
    }

    #[test]
    fn a_real_module_that_breaks_the_rules_is_noticed() {
        for breach in [
            "\nexport default 1;",
            "\nimport.meta.url;",
            "\nawait 1;",
            "\nconst x = '</script>';",
            "\nexport { x };",
        ] {
            let mut sources = isolate_files();
            sources.get_mut(ISOLATE_SCRIPT).unwrap().push_str(breach);
            assert!(files(&sources).is_err(), "{breach}");
        }
    }

    #[test]
    fn the_opaque_document_holds_both_texts_and_the_hash_of_its_own() {
        let (files, allowed) = files(&isolate_files()).unwrap();
        let page = String::from_utf8(files[OPAQUE_PAGE].bytes.to_vec()).unwrap();
        assert!(!page.contains("{{"), "{page}");
        let script = String::from_utf8(files[ISOLATE_SCRIPT].bytes.to_vec()).unwrap();
        assert!(page.contains(&script));
        let own = page.split("<script type=\"module\">").nth(1).unwrap().split("</script>").next().unwrap();
        assert_eq!(allowed, format!("'sha256-{}'", STANDARD.encode(Sha256::digest(own))));
    }
}
