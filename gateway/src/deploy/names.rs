//! Which names a handler and a module file may have.

/// Longest handler name in bytes: it becomes one DNS label.
pub const MAX_HANDLER_NAME: usize = 63;

/// Longest tenant name in bytes: `sandbox-<tenant>` becomes one DNS label too, with room left for a longer prefix.
pub const MAX_TENANT_NAME: usize = 50;

/// Longest file name in bytes.
pub const MAX_FILE_NAME: usize = 255;

/// Names no handler and no tenant may have: first segments of the gateway's own URLs, what browsers ask for by themselves, and host
/// names that people expect to be something else.
pub const RESERVED: [&str; 8] = ["api", "assets", "favicon", "localhost", "mesh", "robots", "tabmesh", "www"];

/// Why a handler cannot have this name, as a sentence; `Ok` if it can.
///
/// A name is `[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?`, not in [`RESERVED`], and does not begin with `sandbox-` (the
/// origins handlers run on) or `xn--` (encoded international names).
pub fn check_handler_name(name: &str) -> Result<(), String> {
    check("handler", name, MAX_HANDLER_NAME)
}

/// The same for a tenant, whose name has at most [`MAX_TENANT_NAME`] bytes.
pub fn check_tenant_name(name: &str) -> Result<(), String> {
    check("tenant", name, MAX_TENANT_NAME)
}

fn check(whose: &str, name: &str, max: usize) -> Result<(), String> {
    let label = !name.is_empty()
        && name.len() <= max
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-');
    if !label {
        return Err(format!(
            "A {whose}'s name has 1 to {max} of a-z, 0-9 and -, and does not begin or end with -."
        ));
    }
    if name.starts_with("sandbox-") || name.starts_with("xn--") {
        return Err(format!("A {whose}'s name does not begin with \"sandbox-\" or \"xn--\"."));
    }
    if RESERVED.contains(&name) {
        return Err(format!("The name \"{name}\" is reserved."));
    }
    Ok(())
}

/// A module's file name without a leading `./`, or why it cannot be one.
pub(super) fn clean_file_name(name: &str) -> Result<&str, &'static str> {
    let name = name.strip_prefix("./").unwrap_or(name);
    if name.is_empty() {
        return Err("a file needs a name");
    }
    if name.len() > MAX_FILE_NAME {
        return Err("a file name has at most 255 bytes");
    }
    if name.starts_with(super::platform::PREFIX) {
        return Err("names that begin with node:/ are the platform's");
    }
    if name.chars().any(|c| c.is_control() || matches!(c, '\\' | '\u{2028}' | '\u{2029}')) {
        return Err("a file name has no control characters and no \\");
    }
    if name.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err("a file name is a relative path without empty, . or .. parts");
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handler_names() {
        for good in ["a", "0", "hello", "a-b", "a--b", "sandbox", &"a".repeat(63)] {
            assert_eq!(check_handler_name(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "-a",
            "a-",
            "A",
            "a.b",
            "_mesh",
            "a_b",
            "ä",
            "a/b",
            "sandbox-x",
            "xn--a",
            "www",
            &"a".repeat(64),
        ] {
            assert!(check_handler_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn tenant_names() {
        for good in ["a", "default", "acme-2", &"a".repeat(50)] {
            assert_eq!(check_tenant_name(good), Ok(()), "{good}");
        }
        for bad in ["", "-a", "a.b", "A", "sandbox-a", "www", &"a".repeat(51)] {
            assert!(check_tenant_name(bad).unwrap_err().contains("tenant") || bad == "www", "{bad}");
        }
    }

    #[test]
    fn file_names() {
        assert_eq!(clean_file_name("./lib/ä b.js"), Ok("lib/ä b.js"));
        for bad in [
            "",
            "./",
            "node:/a.js",
            "/a.js",
            "../a.js",
            "a/../b.js",
            "a//b.js",
            "a\\b.js",
            "a\nb.js",
            "a/",
            "././a.js",
        ] {
            assert!(clean_file_name(bad).is_err(), "{bad}");
        }
        assert!(clean_file_name(&"a".repeat(256)).is_err());
    }
}
