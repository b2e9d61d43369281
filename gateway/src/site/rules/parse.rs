//! Reads `_headers` and `_redirects`. A line that cannot be is an error with its number: nothing is left out silently.

use super::{HeaderRule, Redirect, special};
use http::{HeaderName, HeaderValue};

/// Most rules of a `_headers` file, longest line of either file in characters, most redirects without and with patterns; as
/// Cloudflare.
const MAX_HEADER_RULES: usize = 100;
const MAX_LINE: usize = 2000;
const MAX_STATIC: usize = 2000;
const MAX_DYNAMIC: usize = 100;

/// Statuses that a redirect may have; 200 is no redirect but a file under another path.
const STATUSES: [u16; 6] = [200, 301, 302, 303, 307, 308];

/// Lines that say something, with their numbers from 1.
fn lines<'a>(file: &'a str, text: &'a str) -> impl Iterator<Item = Result<(usize, &'a str), String>> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).map(move |(number, line)| {
        if line.chars().count() > MAX_LINE {
            return Err(format!("{file}:{number}: the line has more than {MAX_LINE} characters"));
        }
        Ok((number, line))
    })
}

/// Reads `_headers`.
///
/// # Errors
/// A sentence with the line's number.
pub fn headers(text: &str) -> Result<Vec<HeaderRule>, String> {
    let file = "_headers";
    let mut rules: Vec<HeaderRule> = vec![];
    let mut begun = 0;
    let is_empty = |rule: &HeaderRule| rule.set.is_empty() && rule.unset.is_empty();
    let no_fields = |line: usize| format!("{file}:{line}: no header stands below this path");
    for line in lines(file, text) {
        let (number, line) = line?;
        let wrong = |what: &str| format!("{file}:{number}: {what}");
        if line.starts_with('/') || line.split_whitespace().next().is_some_and(|word| word.contains("://")) {
            if rules.last().is_some_and(is_empty) {
                return Err(no_fields(begun));
            }
            if rules.len() >= MAX_HEADER_RULES {
                return Err(wrong(&format!("there are at most {MAX_HEADER_RULES} rules")));
            }
            check_pattern(line, true).map_err(|what| wrong(&what))?;
            rules.push(HeaderRule { pattern: encoded(line), ..HeaderRule::default() });
            begun = number;
            continue;
        }
        let Some(rule) = rules.last_mut() else {
            return Err(wrong("a path comes before its headers"));
        };
        let named = |name: &str| {
            let name = name.trim();
            HeaderName::try_from(name)
                .map(|name| name.as_str().to_owned())
                .map_err(|_| wrong(&format!("`{}` cannot be the name of a header", name.escape_debug())))
        };
        if let Some(name) = line.strip_prefix('!') {
            rule.unset.push(named(name)?);
            continue;
        }
        let (name, value) =
            line.split_once(':').ok_or_else(|| wrong("a header is written as `Name: value`, or `! Name`"))?;
        let (name, value) = (named(name)?, value.trim());
        if value.is_empty() || HeaderValue::try_from(value).is_err() {
            return Err(wrong(&format!("the header `{name}` has no value that can be sent")));
        }
        match rule.set.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = format!("{known}, {value}"),
            None => rule.set.push((name, value.to_owned())),
        }
    }
    if rules.last().is_some_and(is_empty) {
        return Err(no_fields(begun));
    }
    Ok(rules)
}

/// Reads `_redirects`: rules without patterns come first, then those with, each in the file's order.
///
/// # Errors
/// A sentence with the line's number.
pub fn redirects(text: &str) -> Result<Vec<Redirect>, String> {
    let file = "_redirects";
    let (mut plain, mut dynamic): (Vec<Redirect>, Vec<Redirect>) = (vec![], vec![]);
    for line in lines(file, text) {
        let (number, line) = line?;
        let wrong = |what: &str| format!("{file}:{number}: {what}");
        let words: Vec<&str> = line.split_whitespace().collect();
        let (from, to, status) = match *words {
            [from, to] => (from, to, "302"),
            [from, to, status] => (from, to, status),
            _ => return Err(wrong("a redirect is written as `/from /to`, or `/from /to STATUS`")),
        };
        let status: u16 =
            status.parse().ok().filter(|status| STATUSES.contains(status)).ok_or_else(|| {
                wrong(&format!(
                    "`{}` is none of the statuses 200, 301, 302, 303, 307, 308",
                    status.escape_debug()
                ))
            })?;
        check_pattern(from, false).map_err(|what| wrong(&what))?;
        let is_path = to.starts_with('/') && !to.starts_with("//");
        let is_url = to.starts_with("https://") || to.starts_with("http://");
        if !is_path && (status == 200 || !is_url) {
            let needed = if status == 200 {
                "a path of this site (200 serves its file)"
            } else {
                "a path or an http(s) URL"
            };
            return Err(wrong(&format!("`{}` is not {needed}", to.escape_debug())));
        }
        let redirect = Redirect { pattern: encoded(from), to: encoded(to), status };
        let (rules, most) = match special(from) {
            None => (&mut plain, MAX_STATIC),
            Some(_) => (&mut dynamic, MAX_DYNAMIC),
        };
        if rules.iter().any(|known| known.pattern == redirect.pattern) {
            return Err(wrong(&format!("a rule for `{}` stands above", from.escape_debug())));
        }
        if rules.len() >= most {
            return Err(wrong(&format!(
                "there are at most {MAX_STATIC} redirects without and {MAX_DYNAMIC} with patterns"
            )));
        }
        rules.push(redirect);
    }
    plain.append(&mut dynamic);
    Ok(plain)
}

/// A path, or where `host` is given a URL, with placeholders and at most one `*`, behind which no placeholder stands.
fn check_pattern(pattern: &str, host: bool) -> Result<(), String> {
    let shown = pattern.escape_debug();
    if pattern.contains(char::is_whitespace) {
        return Err(format!("`{shown}` has a space in it"));
    }
    let path = match pattern.strip_prefix("https://") {
        Some(url) if host => {
            let at = url.find('/').unwrap_or(url.len());
            if url[..at]
                .rsplit_once(':')
                .is_some_and(|(_, port)| port.starts_with(|c: char| c.is_ascii_digit()))
            {
                return Err(format!("`{shown}` names a port: rules go by host and path"));
            }
            &url[at..]
        }
        _ => pattern,
    };
    if !path.starts_with('/') {
        let needed = if host { "a path, or https:// with host and path" } else { "a path" };
        return Err(format!("`{shown}` is not {needed}"));
    }
    if path.contains(['?', '#']) {
        return Err(format!("`{shown}` has a query or fragment: rules go by path"));
    }
    match pattern.split_once('*') {
        Some((_, rest)) if rest.contains('*') => Err(format!("`{shown}` has more than one `*`")),
        Some((_, rest)) if special(rest).is_some() => {
            Err(format!("`{shown}` has a placeholder behind `*`, which cannot be matched"))
        }
        _ => Ok(()),
    }
}

/// As browsers send it.
fn encoded(url: &str) -> String {
    percent_encoding::utf8_percent_encode(url, percent_encoding::CONTROLS).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read() {
        let text = "# Comment\n/*\n  X-Frame-Options: DENY\n  Link: </a.css>; rel=preload\n  Link: </b.js>\n\n\
                    https://:p.pages.dev/*\n\tX-Robots-Tag: noindex\n/ü\n  ! Cache-Control\n";
        let rules = headers(text).unwrap();
        let set = |rule: &HeaderRule| {
            rule.set.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
        };
        assert_eq!(set(&rules[0]), ["x-frame-options=DENY", "link=</a.css>; rel=preload, </b.js>"]);
        assert_eq!(rules[1].pattern, "https://:p.pages.dev/*");
        assert_eq!((&*rules[2].pattern, &*rules[2].unset), ("/%C3%BC", &["cache-control".to_owned()][..]));
        assert_eq!(headers("").unwrap(), []);
    }

    #[test]
    fn redirects_are_read_those_without_patterns_first() {
        let text = "/a/* /b/:splat 301\n# Comment\n/home / \n/app/* /index.html 200\n/x https://other.example/y#z 308";
        let rules = redirects(text).unwrap();
        let told: Vec<_> = rules.iter().map(|it| format!("{} {} {}", it.pattern, it.to, it.status)).collect();
        assert_eq!(
            told,
            [
                "/home / 302",
                "/x https://other.example/y#z 308",
                "/a/* /b/:splat 301",
                "/app/* /index.html 200"
            ]
        );
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let long = format!("/{}", "x".repeat(2000));
        for (text, part) in [
            ("X-A: 1", "_headers:1: a path comes before"),
            ("/a\n\n/b\n  A: 1", "_headers:1: no header"),
            ("/a\n  A: 1\n/b", "_headers:3: no header"),
            ("/a\n  no colon", "_headers:2: a header is written"),
            ("/a\n  a b: 1", "_headers:2: `a b` cannot be the name"),
            ("/a\n  A:", "_headers:2: the header `a` has no value"),
            ("/*/*\n  A: 1", "_headers:1: `/*/*` has more than one"),
            ("/*/:a\n  A: 1", "_headers:1: `/*/:a` has a placeholder"),
            ("http://x/*\n  A: 1", "_headers:1: `http://x/*` is not a path"),
            ("https://x:80/*\n  A: 1", "_headers:1: `https://x:80/*` names a port"),
            (&long, "_headers:1: the line has more"),
        ] {
            let error = headers(text).unwrap_err();
            assert!(error.starts_with(part), "{text}: {error}");
        }
        for (text, part) in [
            ("\n/a", "_redirects:2: a redirect is written"),
            ("/a /b 302 x", "_redirects:1: a redirect is written"),
            ("/a /b 404", "_redirects:1: `404` is none"),
            ("/a /b moved", "_redirects:1: `moved` is none"),
            ("a /b", "_redirects:1: `a` is not a path"),
            ("https://x/a /b", "_redirects:1: `https://x/a` is not a path"),
            ("/a?x /b", "_redirects:1: `/a?x` has a query"),
            ("/a b", "_redirects:1: `b` is not a path or"),
            ("/a https://x/ 200", "_redirects:1: `https://x/` is not a path of this site"),
            ("/a /b\n/a /c", "_redirects:2: a rule for `/a` stands above"),
        ] {
            let error = redirects(text).unwrap_err();
            assert!(error.starts_with(part), "{text}: {error}");
        }
        let many = |count: usize| (0..count).map(|at| format!("/{at}/* /\n")).collect::<String>();
        assert!(redirects(&many(101)).unwrap_err().starts_with("_redirects:101: there are at most"));
        assert!(redirects(&many(100)).is_ok());
    }
}
