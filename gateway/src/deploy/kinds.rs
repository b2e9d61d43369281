//! Which kind of module a file is, by its extension, and whether its bytes are of that kind.

use base64::Engine as _;
use tabmesh_protocol::bundle::ModuleKind;

/// Line and column as far as known, and what is wrong there.
pub(super) type Wrong = (Option<(u32, u32)>, String);

/// The kind of a file, or what to do about one that has none.
pub(super) fn kind_of(name: &str) -> Result<ModuleKind, (String, Option<&'static str>)> {
    let file = name.rsplit('/').next().unwrap_or(name);
    let extension = file.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
    match extension.as_str() {
        "js" | "mjs" | "ts" | "mts" | "tsx" | "jsx" => Ok(ModuleKind::Esm),
        "txt" | "html" | "sql" | "md" => Ok(ModuleKind::Text),
        "json" => Ok(ModuleKind::Json),
        "wasm" => Ok(ModuleKind::Wasm),
        "bin" => Ok(ModuleKind::Data),
        "cjs" | "cts" => Err((
            "CommonJS modules are not supported".into(),
            Some("bundle them into an ES module first, for example with esbuild --bundle --format=esm"),
        )),
        _ => Err((
            format!("files of this type cannot be modules: {file}"),
            Some(
                "known are .js .mjs .ts .mts .jsx .tsx (ES modules), .json, .txt .html .sql .md (text), .wasm and .bin (bytes)",
            ),
        )),
    }
}

/// The text of a module that is not an ES module, as the bundle carries it, or what is wrong with the bytes and where.
pub(super) fn encode(kind: ModuleKind, bytes: &[u8]) -> Result<String, Wrong> {
    match kind {
        ModuleKind::Esm | ModuleKind::Text => text(bytes).map(str::to_owned),
        ModuleKind::Json => {
            let text = text(bytes)?;
            // A byte order mark is an editor's habit, not part of the value.
            let text = text.strip_prefix('\u{feff}').unwrap_or(text);
            // Checks without building the value, and without a limit of depth: the tab parses it again.
            serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|error| json_error(text, &error))?;
            Ok(text.to_owned())
        }
        ModuleKind::Wasm if !bytes.starts_with(b"\0asm") => {
            Err((None, "not WebAssembly: the file does not begin with the bytes 00 61 73 6D".into()))
        }
        ModuleKind::Wasm if bytes.get(4..8) != Some(&[1, 0, 0, 0]) => Err((
            None,
            "not a WebAssembly core module of version 1 (components are not supported yet)".into(),
        )),
        ModuleKind::Wasm | ModuleKind::Data => Ok(base64::engine::general_purpose::STANDARD.encode(bytes)),
    }
}

/// The bytes as text.
pub(super) fn text(bytes: &[u8]) -> Result<&str, Wrong> {
    std::str::from_utf8(bytes).map_err(|error| {
        let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let position = super::position::at(&before, before.len());
        (Some(position), "not valid UTF-8".into())
    })
}

fn json_error(text: &str, error: &serde_json::Error) -> Wrong {
    // serde_json counts columns in bytes and appends the position to its message.
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or("not JSON").to_owned();
    let line = text.split('\n').nth(error.line().saturating_sub(1)).unwrap_or("");
    let mut end = error.column().saturating_sub(1).min(line.len());
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    let column = u32::try_from(line[..end].chars().count() + 1).unwrap_or(u32::MAX);
    (Some((u32::try_from(error.line().max(1)).unwrap_or(u32::MAX), column)), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        assert_eq!(kind_of("a/b.js"), Ok(ModuleKind::Esm));
        assert_eq!(kind_of("a.test.MJS"), Ok(ModuleKind::Esm));
        assert_eq!(kind_of("a.md"), Ok(ModuleKind::Text));
        for name in ["a.ts", "a.mts", "a.tsx", "a.jsx"] {
            assert_eq!(kind_of(name), Ok(ModuleKind::Esm), "{name}");
        }
        for name in ["a", "a.b/c", "a.png", ".", "a.cjs", "a.cts"] {
            assert!(kind_of(name).is_err(), "{name}");
        }
    }

    #[test]
    fn contents() {
        assert_eq!(encode(ModuleKind::Json, b"\xef\xbb\xbf{\"a\":1}"), Ok("{\"a\":1}".into()));
        let (position, message) = encode(ModuleKind::Json, "{\n \"ä\": x}".as_bytes()).unwrap_err();
        assert_eq!((position, message.as_str()), (Some((2, 7)), "expected value"));
        let deep = "[".repeat(200_000) + &"]".repeat(200_000);
        assert!(encode(ModuleKind::Json, deep.as_bytes()).is_ok());
        assert!(encode(ModuleKind::Wasm, b"MZ").is_err());
        assert!(encode(ModuleKind::Wasm, b"\0asm\x0d\0\x01\0").unwrap_err().1.contains("component"));
        assert_eq!(encode(ModuleKind::Wasm, b"\0asm\x01\0\0\0"), Ok("AGFzbQEAAAA=".into()));
        assert_eq!(encode(ModuleKind::Text, b"a\nb\xff").unwrap_err().0, Some((2, 2)));
    }
}
