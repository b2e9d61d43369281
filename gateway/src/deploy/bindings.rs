//! The bindings of a deployment, as its metadata names them. Nothing here serves one.

use crate::catalog::MAX_SECRET;
use serde_json::Value;
use tabmesh_protocol::bundle::Binding;

/// Most bindings of one handler.
pub const MAX_BINDINGS: usize = 128;

/// Most bytes of variables in all, as JSON: they travel with the code.
pub const MAX_ENV_BYTES: usize = 128 << 10;

/// Longest name or id, in bytes.
const MAX_NAME: usize = 128;

/// What there is, for a message.
const TYPES: &str = "plain_text, json, secret_text, kv_namespace, d1, service and assets";

/// Bindings, and the values of secrets among them, which stay at the gateway.
#[derive(Debug, Default)]
pub struct Bindings {
    /// As they go into a bundle.
    pub env: Vec<Binding>,
    /// Name and value.
    pub secrets: Vec<(String, String)>,
}

/// Reads and checks bindings.
///
/// # Errors
/// A sentence that names what is wrong with which binding.
pub fn read(mut values: Vec<Value>) -> Result<Bindings, String> {
    if values.len() > MAX_BINDINGS {
        return Err(format!("a handler has at most {MAX_BINDINGS} bindings"));
    }
    let secrets =
        values.iter_mut().map(take_secret).filter_map(Result::transpose).collect::<Result<Vec<_>, _>>()?;
    let bindings = values.into_iter().map(read_one).collect::<Result<Vec<_>, _>>()?;
    for (at, binding) in bindings.iter().enumerate() {
        if bindings[..at].iter().any(|other| other.name() == binding.name()) {
            return Err(format!("two bindings have the name `{}`", binding.name()));
        }
    }
    let bytes = serde_json::to_string(&bindings).map_or(usize::MAX, |text| text.len());
    if bytes > MAX_ENV_BYTES {
        return Err(format!("the bindings have {bytes} bytes; they may have {MAX_ENV_BYTES}"));
    }
    Ok(Bindings { env: bindings, secrets })
}

/// The value of a secret, taken out.
fn take_secret(value: &mut Value) -> Result<Option<(String, String)>, String> {
    let Value::Object(fields) = value else { return Ok(None) };
    if fields.get("type").and_then(Value::as_str) != Some("secret_text") {
        return Ok(None);
    }
    let name = fields.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    match fields.remove("text") {
        None => Ok(None),
        Some(Value::String(text)) if text.len() <= MAX_SECRET => Ok(Some((name, text))),
        Some(_) => {
            Err(format!("the secret `{}` is no text of at most {MAX_SECRET} bytes", name.escape_debug()))
        }
    }
}

fn read_one(value: Value) -> Result<Binding, String> {
    let text =
        |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().escape_debug().to_string();
    let (name, kind) = (text("name"), text("type"));
    if !is_name(&name) {
        return Err(format!(
            "`{name}` cannot be the name of a binding: letters, digits, `_` and `$`, no digit first"
        ));
    }
    if !TYPES.split(&[',', ' ']).any(|known| known == kind) {
        return Err(format!("the binding `{name}` has the type `{kind}`; there are {TYPES}"));
    }
    let binding = serde_json::from_value(value).map_err(|error| format!("the binding `{name}`: {error}"))?;
    let id = match &binding {
        Binding::KvNamespace { namespace_id: id, .. } | Binding::D1 { id, .. } => id,
        Binding::Service { service, .. } => service,
        Binding::SecretText { placeholder, .. } if !placeholder.is_empty() => {
            return Err(format!("the binding `{name}`: placeholders are made by the gateway"));
        }
        _ => return Ok(binding),
    };
    if id.is_empty() || id.len() > MAX_NAME || id.starts_with(':') || id.contains(char::is_control) {
        return Err(format!(
            "the binding `{name}` names nothing: it needs 1 to {MAX_NAME} characters, no colon first"
        ));
    }
    Ok(binding)
}

/// Whether this can be the name of a binding: handlers can write `env.<name>`. `__proto__` would not be a property.
#[must_use]
pub fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name != "__proto__"
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '$')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_kind_is_read() {
        let values = json!([
            {"type": "plain_text", "name": "A", "text": "x"},
            {"type": "json", "name": "B", "json": {"a": [1]}},
            {"type": "secret_text", "name": "C", "text": "hidden"},
            {"type": "kv_namespace", "name": "D", "namespace_id": "n"},
            {"type": "d1", "name": "E", "id": "n"},
            {"type": "service", "name": "F", "service": "other"},
            {"type": "assets", "name": "G"},
        ]);
        let Bindings { env, secrets } = read(values.as_array().unwrap().clone()).unwrap();
        assert_eq!(secrets, [("C".to_owned(), "hidden".to_owned())]);
        assert!(!serde_json::to_string(&env).unwrap().contains("hidden"));
        let names: String = env.iter().map(Binding::name).collect();
        assert_eq!(names, "ABCDEFG");
    }

    #[test]
    fn what_cannot_be_is_named() {
        for (value, part) in [
            (json!({"type": "queue", "name": "Q", "queue_name": "q"}), "`Q` has the type `queue`"),
            (json!({"type": "plain_text", "name": "A"}), "`A`: missing field `text`"),
            (json!({"type": "plain_text", "name": "A", "text": "x", "y": 1}), "unknown field `y`"),
            (json!({"type": "plain_text", "name": "1A", "text": "x"}), "`1A` cannot be"),
            (json!({"type": "plain_text", "name": "__proto__", "text": "x"}), "cannot be"),
            (json!({"type": "kv_namespace", "name": "K", "namespace_id": ""}), "`K` names nothing"),
            (json!(7), "`` cannot be"),
        ] {
            let error = read(vec![value]).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
        let twice = json!({"type": "plain_text", "name": "A", "text": "x"});
        assert!(read(vec![twice.clone(), twice]).unwrap_err().contains("two bindings"));
        let large = json!({"type": "plain_text", "name": "A", "text": "x".repeat(MAX_ENV_BYTES)});
        assert!(read(vec![large]).unwrap_err().contains("bytes"));
    }
}
