//! Which hosts a handler may fetch from, by its own deployment: names, and `*.name` for all below one.

/// Most patterns of one handler.
pub const MAX_PATTERNS: usize = 100;

/// Whether `pattern` can stand in a list: a host name in small letters or an address, perhaps with `*.` before it.
#[must_use]
pub fn is_pattern(pattern: &str) -> bool {
    let host = pattern.strip_prefix("*.").unwrap_or(pattern);
    let allowed =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | ':' | '[' | ']');
    (1..=255).contains(&host.len()) && host.chars().all(allowed)
}

/// Whether a host is on the list; without a list every one is.
#[must_use]
pub fn admits(list: Option<&[String]>, host: &str) -> bool {
    let Some(list) = list else { return true };
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    list.iter().any(|pattern| match pattern.strip_prefix('*') {
        Some(below) => host.len() > below.len() && host.ends_with(below),
        None => host == *pattern,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_what_is_below() {
        let list = ["api.example.com".to_owned(), "*.example.org".to_owned()];
        for (host, expected) in [
            ("api.example.com", true),
            ("API.Example.com.", true),
            ("example.com", false),
            ("xapi.example.com", false),
            ("a.example.org", true),
            ("a.b.example.org", true),
            ("example.org", false),
            ("badexample.org", false),
        ] {
            assert_eq!(admits(Some(&list), host), expected, "{host}");
        }
        assert!(admits(None, "anything") && !admits(Some(&[]), "anything"));
    }

    #[test]
    fn patterns_are_host_names() {
        assert!(is_pattern("a.example") && is_pattern("*.example") && is_pattern("[::1]"));
        assert!(
            !is_pattern("")
                && !is_pattern("*.")
                && !is_pattern("https://a")
                && !is_pattern("A.example")
                && !is_pattern("a*")
        );
    }
}
