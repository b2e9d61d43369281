//! A project's wrangler file: what it asks for, in the words of the deploy API. Pure: reads no files.

use serde_json::{Map, Value as Json, json};

use super::error::PushError;
use super::keys::{self, Key};
use super::tree::{self, Node, Value};

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Wanted {
    pub(super) name: Option<String>,
    /// Relative to the file's folder.
    pub(super) main: Option<String>,
    pub(super) flags: Vec<String>,
    /// Folder of static assets, relative to the file's.
    pub(crate) assets: Option<String>,
    pub(super) build: Build,
    /// The rest of the `metadata` part.
    pub(crate) metadata: Map<String, Json>,
    /// Keys that made no difference, with the reason.
    pub(crate) notes: Vec<String>,
}

/// How a bundle is made.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Build {
    pub(super) define: Vec<(String, String)>,
    pub(super) alias: Vec<(String, String)>,
    pub(super) minify: bool,
    pub(super) no_bundle: bool,
    pub(super) tsconfig: Option<String>,
    pub(super) jsx_factory: Option<String>,
    pub(super) jsx_fragment: Option<String>,
}

impl Build {
    /// Whether only a bundler can do it.
    pub(super) fn needs_bundler(&self) -> bool {
        !self.define.is_empty() || !self.alias.is_empty() || self.minify
    }
}

/// Reads a file: `name` says which syntax it has. `environment` is one of `env`, or none.
pub(super) fn read(name: &str, text: &str, environment: Option<&str>) -> Result<Wanted, PushError> {
    let parsed = if name.ends_with(".toml") { tree::toml(text) } else { tree::jsonc(text) };
    let root = parsed
        .map_err(|error| PushError::config(name, tree::line_at(text, error.offset), error.message, None))?;
    let reader = Reader { file: name };
    let environment = match environment {
        None => None,
        Some(wanted) => Some(root.get("env").and_then(|all| all.get(wanted)).ok_or_else(|| {
            PushError::config(
                name,
                1,
                format!("there is no environment \"{wanted}\""),
                Some("it would be a table env.NAME of this file".into()),
            )
        })?),
    };
    reader.read(&root, environment).map(|mut found| {
        // As wrangler names them.
        if let (Some(environment), Some(name)) = (environment_name(&root, environment), &mut found.name) {
            *name = format!("{name}-{environment}");
        }
        found
    })
}

/// The name of an environment that does not name its handler itself.
fn environment_name(root: &Node, environment: Option<&Node>) -> Option<String> {
    let environment = environment.filter(|node| node.get("name").is_none())?;
    let all = root.get("env")?.entries();
    all.iter().find(|(_, node)| std::ptr::eq(node, environment)).map(|(name, _)| name.clone())
}

/// Keys that an environment does not take over from the top of the file, as with wrangler.
const NOT_INHERITED: [&str; 4] = ["vars", "kv_namespaces", "d1_databases", "services"];

/// That a key cannot be had, and what the code will not find in `env` for it.
fn missing(key: &str, node: &Node) -> String {
    let mut message = format!("`{key}` is not supported");
    let inner: Vec<&Node> = node.entries().iter().map(|(_, inner)| inner).collect();
    for item in node.items().into_iter().chain(inner.into_iter().flat_map(Node::items)) {
        let text = |key: &str| item.get(key).and_then(Node::text);
        let Some(binding) = text("binding").or_else(|| text("name")) else { continue };
        let what = keys::type_of(key).unwrap_or("binding");
        let class = text("class_name").map(|class| format!(" of the class `{class}`")).unwrap_or_default();
        message.push_str(&format!("; there is no {what} for env.{binding}{class}"));
    }
    message
}

struct Reader<'a> {
    file: &'a str,
}

impl Reader<'_> {
    fn read(&self, root: &Node, environment: Option<&Node>) -> Result<Wanted, PushError> {
        let mut wanted = Wanted::default();
        self.check(root, &mut wanted.notes)?;
        if let Some(environment) = environment {
            self.check(environment, &mut wanted.notes)?;
        }
        let find = |key: &str| match environment {
            None => root.get(key),
            Some(environment) => environment
                .get(key)
                .or_else(|| if NOT_INHERITED.contains(&key) { None } else { root.get(key) }),
        };
        wanted.name = self.text(find("name"), "name")?;
        wanted.main = self.text(find("main"), "main")?;
        wanted.build = self.build(&find)?;
        if let Some(node) = find("rules") {
            self.rules(node)?;
        }
        let metadata = &mut wanted.metadata;
        if let Some(date) = self.text(find("compatibility_date"), "compatibility_date")? {
            metadata.insert("compatibility_date".into(), date.into());
        }
        if let Some(flags) = find("compatibility_flags") {
            wanted.flags = self.flags(flags)?;
            metadata.insert("compatibility_flags".into(), json!(wanted.flags));
        }
        let mut bindings = Vec::new();
        if let Some(vars) = find("vars") {
            bindings.extend(vars.entries().iter().map(|(name, node)| match node.text() {
                Some(text) => json!({ "type": "plain_text", "name": name, "text": text }),
                None => json!({ "type": "json", "name": name, "json": node.to_json() }),
            }));
        }
        for item in find("kv_namespaces").map(Node::items).unwrap_or_default() {
            let binding = self.needed(item, "binding")?;
            let id = self.text(item.get("id"), "id")?.unwrap_or_else(|| binding.clone());
            bindings.push(json!({ "type": "kv_namespace", "name": binding, "namespace_id": id }));
        }
        for item in find("d1_databases").map(Node::items).unwrap_or_default() {
            let binding = self.needed(item, "binding")?;
            let id = match self.text(item.get("database_id"), "database_id")? {
                Some(id) => id,
                None => {
                    self.text(item.get("database_name"), "database_name")?.unwrap_or_else(|| binding.clone())
                }
            };
            bindings.push(json!({ "type": "d1", "name": binding, "id": id }));
        }
        for item in find("services").map(Node::items).unwrap_or_default() {
            let mut service = json!({ "type": "service", "name": self.needed(item, "binding")?, "service": self.needed(item, "service")? });
            if let Some(entrypoint) = self.text(item.get("entrypoint"), "entrypoint")? {
                service["entrypoint"] = entrypoint.into();
            }
            bindings.push(service);
        }
        if let Some(assets) = find("assets") {
            wanted.assets = Some(self.needed(assets, "directory")?);
            if let Some(binding) = self.text(assets.get("binding"), "binding")? {
                bindings.push(json!({ "type": "assets", "name": binding }));
            }
            let settings = ["html_handling", "not_found_handling", "run_worker_first"];
            let config: Map<String, Json> = settings
                .iter()
                .filter_map(|key| assets.get(key).map(|node| ((*key).to_owned(), node.to_json())))
                .collect();
            if !config.is_empty() {
                metadata.insert("assets".into(), json!({ "config": config }));
            }
        }
        if !bindings.is_empty() {
            metadata.insert("bindings".into(), bindings.into());
        }
        if let Some(crons) =
            find("triggers").and_then(|triggers| triggers.get("crons")).filter(|node| !node.is_empty())
        {
            metadata.insert("crons".into(), crons.to_json());
        }
        let mut routes: Vec<Json> =
            find("routes").map(Node::items).unwrap_or_default().iter().map(|node| node.to_json()).collect();
        routes.extend(find("route").map(Node::to_json));
        if !routes.is_empty() {
            metadata.insert("routes".into(), routes.into());
        }
        for key in ["limits", "preview_urls"] {
            if let Some(node) = find(key) {
                metadata.insert(key.into(), node.to_json());
            }
        }
        Ok(wanted)
    }

    /// Every key is known, and what it stands for can be had.
    fn check(&self, table: &Node, notes: &mut Vec<String>) -> Result<(), PushError> {
        for (name, node) in table.entries() {
            match keys::of(name) {
                Some(Key::Used) => {}
                Some(Key::Harmless(reason)) => {
                    notes.push(format!("{}:{}: {name} makes no difference: {reason}", self.file, node.line));
                }
                // `migrations = []` asks for nothing.
                Some(Key::Missing(_)) if node.is_empty() => {}
                Some(Key::Missing(instead)) => {
                    return Err(self.wrong(node, missing(name, node), instead));
                }
                None => {
                    let hint = keys::nearest(name).map(|near| format!("did you mean `{near}`?"));
                    let hint =
                        hint.unwrap_or_else(|| "take the key out if the handler does not need it".into());
                    return Err(self.wrong(node, format!("`{name}` is not known"), &hint));
                }
            }
            for item in node.items() {
                for (inner, value) in item.entries() {
                    if !keys::is_known_inside(name, inner) {
                        return Err(self.wrong(
                            value,
                            format!("`{name}.{inner}` is not supported"),
                            "take the key out if the handler does not need it",
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    fn build<'n>(&self, find: &impl Fn(&str) -> Option<&'n Node>) -> Result<Build, PushError> {
        let pairs = |key: &str| -> Result<Vec<(String, String)>, PushError> {
            let entries = find(key).map(Node::entries).unwrap_or_default();
            entries
                .iter()
                .map(|(name, node)| Ok((name.clone(), self.text(Some(node), key)?.unwrap_or_default())))
                .collect()
        };
        let is = |key: &str| find(key).is_some_and(|node| node.value == Value::Plain(true.into()));
        Ok(Build {
            define: pairs("define")?,
            alias: pairs("alias")?,
            minify: is("minify"),
            no_bundle: is("no_bundle"),
            tsconfig: self.text(find("tsconfig"), "tsconfig")?,
            jsx_factory: self.text(find("jsx_factory"), "jsx_factory")?,
            jsx_fragment: self.text(find("jsx_fragment"), "jsx_fragment")?,
        })
    }

    /// Rules that say what is so anyway: kinds by extension.
    fn rules(&self, node: &Node) -> Result<(), PushError> {
        let kind_of = |glob: &str| match glob.rsplit_once('.').map(|(_, end)| end) {
            Some("txt" | "html" | "sql" | "md") => "Text",
            Some("bin") => "Data",
            Some("wasm" | "wasm?module") => "CompiledWasm",
            Some("js" | "mjs") => "ESModule",
            _ => "",
        };
        for rule in node.items() {
            let kind = self.needed(rule, "type")?;
            for glob in rule.get("globs").map(Node::items).unwrap_or_default() {
                if glob.text().map(kind_of) != Some(kind.as_str()) {
                    let shown = glob.text().unwrap_or("?");
                    return Err(self.wrong(
                        glob,
                        format!("the rule that \"{shown}\" is of type {kind} is not supported"),
                        "kinds go by extension: .txt .html .sql .md are Text, .bin is Data, .wasm is CompiledWasm",
                    ));
                }
            }
        }
        Ok(())
    }

    fn flags(&self, node: &Node) -> Result<Vec<String>, PushError> {
        node.items()
            .into_iter()
            .map(|item| match item.text() {
                Some(flag) if keys::FLAGS.contains(&flag) => Ok(flag.to_owned()),
                Some(flag) => Err(self.wrong(
                    item,
                    format!("the compatibility flag \"{flag}\" is not supported"),
                    "take it out if the handler does not need it",
                )),
                None => Err(self.wrong(item, "a compatibility flag is text".into(), "write it in quotes")),
            })
            .collect()
    }

    fn text(&self, node: Option<&Node>, key: &str) -> Result<Option<String>, PushError> {
        let Some(node) = node else { return Ok(None) };
        match node.text() {
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(self.wrong(node, format!("`{key}` is not text"), "write it in quotes")),
        }
    }

    fn needed(&self, table: &Node, key: &str) -> Result<String, PushError> {
        self.text(table.get(key), key)?
            .ok_or_else(|| self.wrong(table, format!("`{key}` is missing here"), "add it"))
    }

    fn wrong(&self, node: &Node, message: String, hint: &str) -> PushError {
        PushError::config(self.file, node.line, message, Some(hint.to_owned()))
    }
}

#[cfg(test)]
mod tests;
