//! What changed between two versions, for people to read. Pure; long texts take a while, so not on a thread that must not block.

use crate::site::manifest::Manifest;
use serde::Serialize;
use serde_json::{Map, Value};
use similar::TextDiff;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tabmesh_protocol::Limits;
use tabmesh_protocol::bundle::{Binding, Module, ModuleKind, Piece};
use utoipa::ToSchema;

/// Longest text that is compared line by line, in bytes.
const MAX_TEXT: usize = 1 << 20;

/// Longest time for one text; what is left then is shown as changed.
const MAX_TIME: Duration = Duration::from_millis(500);

/// Static files that are named.
const MAX_FILES: usize = 1000;

/// One of the two.
pub(super) struct Side {
    pub(super) modules: Vec<Module>,
    pub(super) env: Vec<Binding>,
    pub(super) limits: Limits,
    pub(super) site: Manifest,
}

/// What is different.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(super) struct Changes {
    modules: Vec<Change>,
    bindings: Vec<Change>,
    limits: Vec<Change>,
    files: Vec<Change>,
}

/// One thing that is different.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
struct Change {
    name: String,
    change: Kind,
    /// Unified.
    #[serde(skip_serializing_if = "Option::is_none")]
    diff: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = KindOfChange)]
enum Kind {
    Added,
    Removed,
    Changed,
}

/// What is different in `after`.
pub(super) fn between(before: &Side, after: &Side) -> Changes {
    Changes {
        modules: modules(before, after),
        bindings: values(&bindings(&before.env), &bindings(&after.env)),
        limits: values(&object(&before.limits), &object(&after.limits)),
        files: files(&before.site, &after.site),
    }
}

fn modules(before: &Side, after: &Side) -> Vec<Change> {
    let texts = |side: &Side| -> BTreeMap<String, (String, bool)> {
        let module = |it: &Module| (it.name.clone(), (text(it, &side.modules), is_text(it.kind)));
        side.modules.iter().map(module).collect()
    };
    let (before, after) = (texts(before), texts(after));
    each(&before, &after)
        .map(|(name, change, old, new)| {
            let empty = (String::new(), true);
            let ((old, old_text), (new, new_text)) = (old.unwrap_or(&empty), new.unwrap_or(&empty));
            let is_shown = *old_text && *new_text && old.len().max(new.len()) <= MAX_TEXT;
            Change { diff: is_shown.then(|| unified(name, old, new)), ..plain(name, change) }
        })
        .collect()
}

fn unified(name: &str, before: &str, after: &str) -> String {
    let diff = TextDiff::configure().timeout(MAX_TIME).diff_lines(before, after);
    diff.unified_diff().header(&format!("a/{name}"), &format!("b/{name}")).to_string()
}

fn is_text(kind: ModuleKind) -> bool {
    !matches!(kind, ModuleKind::Data | ModuleKind::Wasm)
}

/// The source as it was, but for the specifiers: those are the names of what they mean.
fn text(module: &Module, all: &[Module]) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Import(index) => format!("\"./{}\"", all.get(*index as usize).map_or("", |it| &it.name)),
    };
    module.source.iter().map(piece).collect()
}

fn bindings(env: &[Binding]) -> Map<String, Value> {
    let value = |binding: &Binding| serde_json::to_value(binding).unwrap_or_default();
    env.iter().map(|binding| (binding.name().to_owned(), value(binding))).collect()
}

fn object(value: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

fn values(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<Change> {
    let sorted = |map: &Map<String, Value>| map.clone().into_iter().collect::<BTreeMap<_, _>>();
    each(&sorted(before), &sorted(after))
        .map(|(name, change, before, after)| Change {
            before: before.cloned(),
            after: after.cloned(),
            ..plain(name, change)
        })
        .collect()
}

fn files(before: &Manifest, after: &Manifest) -> Vec<Change> {
    let changed = each(&before.files, &after.files).map(|(name, change, ..)| plain(name, change));
    let config = (before.config != after.config || before.rules != after.rules)
        .then(|| plain("(how files are found)", Kind::Changed));
    changed.take(MAX_FILES).chain(config).collect()
}

fn plain(name: &str, change: Kind) -> Change {
    Change { name: name.to_owned(), change, diff: None, before: None, after: None }
}

/// What is not the same in both, by name.
fn each<'a, T: PartialEq>(
    before: &'a BTreeMap<String, T>,
    after: &'a BTreeMap<String, T>,
) -> impl Iterator<Item = (&'a str, Kind, Option<&'a T>, Option<&'a T>)> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    names.into_iter().filter_map(move |name| {
        let (old, new) = (before.get(name), after.get(name));
        let change = match (old, new) {
            (None, Some(_)) => Kind::Added,
            (Some(_), None) => Kind::Removed,
            _ if old == new => return None,
            _ => Kind::Changed,
        };
        Some((name.as_str(), change, old, new))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(main: &str, env: Vec<Binding>, cpu_ms: u32) -> Side {
        let module =
            |name: &str, kind, source: Vec<Piece>| Module { name: name.into(), kind, source, script: vec![] };
        let modules = vec![
            module("a.wasm", ModuleKind::Wasm, vec![Piece::Text(format!("AA{cpu_ms}"))]),
            module(
                "main.js",
                ModuleKind::Esm,
                vec![
                    Piece::Text("import x from ".into()),
                    Piece::Import(0),
                    Piece::Text(format!(";\n{main}\n")),
                ],
            ),
        ];
        let site =
            Manifest { files: BTreeMap::from([(format!("/{cpu_ms}"), "h".into())]), ..Manifest::default() };
        Side { modules, env, limits: Limits { cpu_ms, ..Limits::default() }, site }
    }

    #[test]
    fn a_diff_names_what_changed_and_nothing_else() {
        let var = |text: &str| Binding::PlainText { name: "V".into(), text: text.into() };
        let before = side("one", vec![var("1"), Binding::Assets { name: "A".into() }], 1);
        let after = side("two", vec![var("2")], 2);
        let changes = between(&before, &after);
        let named = |list: &[Change]| list.iter().map(|it| (it.name.clone(), it.change)).collect::<Vec<_>>();
        assert_eq!(
            named(&changes.modules),
            [("a.wasm".into(), Kind::Changed), ("main.js".into(), Kind::Changed)]
        );
        assert_eq!(changes.modules[0].diff, None, "nobody reads that");
        let diff = changes.modules[1].diff.as_deref().unwrap();
        assert_eq!(
            diff,
            "--- a/main.js\n+++ b/main.js\n@@ -1,2 +1,2 @@\n import x from \"./a.wasm\";\n-one\n+two\n"
        );
        assert_eq!(named(&changes.bindings), [("A".into(), Kind::Removed), ("V".into(), Kind::Changed)]);
        assert_eq!(named(&changes.limits), [("cpu_ms".into(), Kind::Changed)]);
        assert_eq!(changes.limits[0].after, Some(2.into()));
        assert_eq!(named(&changes.files), [("/1".into(), Kind::Removed), ("/2".into(), Kind::Added)]);
        let same = between(&after, &after);
        assert!(
            same.modules.is_empty()
                && same.bindings.is_empty()
                && same.limits.is_empty()
                && same.files.is_empty()
        );
    }
}
