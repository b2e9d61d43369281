//! Which file a path means, as Cloudflare's `html_handling` and `not_found_handling` have it. Pure.

use serde::{Deserialize, Serialize};

/// How URLs of HTML files look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HtmlHandling {
    /// `/a` is `/a.html`, `/a/` is `/a/index.html`.
    #[default]
    AutoTrailingSlash,
    /// Both end with a slash.
    ForceTrailingSlash,
    /// Neither does.
    DropTrailingSlash,
    /// Files as they are named.
    None,
}

/// What a path that means no file gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotFoundHandling {
    /// Nothing: 404.
    #[default]
    None,
    /// `/index.html`.
    SinglePageApplication,
    /// The nearest `404.html`.
    #[serde(rename = "404-page")]
    Page,
}

/// What a path means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// This file.
    File(String),
    /// Another path, which means it.
    Redirect(String),
}

/// What `path` (decoded, from `/` on) means among files that are there when `has` says so.
#[must_use]
pub fn resolve(has: impl Fn(&str) -> bool, how: HtmlHandling, path: &str) -> Option<Found> {
    let file = |path: String| has(&path).then_some(Found::File(path));
    if how == HtmlHandling::None {
        return file(path.to_owned());
    }
    // What the path names, however it is written: `/a`, `/a/`, `/a.html`, `/a/index.html`, `/a/index`.
    let stem = path.strip_suffix(".html").unwrap_or(path);
    let stem = stem.strip_suffix("/index").unwrap_or(stem).trim_end_matches('/');
    let (page, index) = (format!("{stem}.html"), format!("{stem}/index.html"));
    let (has_page, has_index) = (!stem.is_empty() && has(&page), has(&index));
    if !path.ends_with(".html") && has(path) {
        return file(path.to_owned());
    }
    if !has_page && !has_index {
        return None;
    }
    let with_slash = match how {
        HtmlHandling::AutoTrailingSlash if has_page && has_index => {
            path.ends_with('/') || path.ends_with("/index.html")
        }
        HtmlHandling::AutoTrailingSlash | HtmlHandling::None => has_index,
        HtmlHandling::ForceTrailingSlash => true,
        HtmlHandling::DropTrailingSlash => stem.is_empty(),
    };
    let proper = if with_slash || stem.is_empty() { format!("{stem}/") } else { stem.to_owned() };
    if proper != path {
        return Some(Found::Redirect(proper));
    }
    let first = if with_slash { has_index } else { !has_page };
    file(if first { index } else { page })
}

/// The file for a path that means none, and whether it is an answer (200) or says that there is none (404).
#[must_use]
pub fn fallback(has: impl Fn(&str) -> bool, how: NotFoundHandling, path: &str) -> Option<(String, bool)> {
    match how {
        NotFoundHandling::None => None,
        NotFoundHandling::SinglePageApplication => {
            has("/index.html").then(|| ("/index.html".to_owned(), true))
        }
        NotFoundHandling::Page => {
            let mut folder = path;
            while let Some((above, _)) = folder.rsplit_once('/') {
                let page = format!("{above}/404.html");
                if has(&page) {
                    return Some((page, false));
                }
                folder = above;
            }
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [&str; 7] =
        ["/index.html", "/a.html", "/b/index.html", "/c.html", "/c/index.html", "/style.css", "/404.html"];

    fn told(how: HtmlHandling, path: &str) -> String {
        match resolve(|path| FILES.contains(&path), how, path) {
            Some(Found::File(file)) => file,
            Some(Found::Redirect(to)) => format!("-> {to}"),
            None => "none".into(),
        }
    }

    #[test]
    fn each_way_has_one_url_for_a_page() {
        use HtmlHandling as Html;
        for (how, path, expected) in [
            (Html::AutoTrailingSlash, "/", "/index.html"),
            (Html::AutoTrailingSlash, "/index.html", "-> /"),
            (Html::AutoTrailingSlash, "/a", "/a.html"),
            (Html::AutoTrailingSlash, "/a.html", "-> /a"),
            (Html::AutoTrailingSlash, "/a/", "-> /a"),
            (Html::AutoTrailingSlash, "/b", "-> /b/"),
            (Html::AutoTrailingSlash, "/b/", "/b/index.html"),
            (Html::AutoTrailingSlash, "/b/index.html", "-> /b/"),
            (Html::AutoTrailingSlash, "/c", "/c.html"),
            (Html::AutoTrailingSlash, "/c/", "/c/index.html"),
            (Html::AutoTrailingSlash, "/style.css", "/style.css"),
            (Html::AutoTrailingSlash, "/nope", "none"),
            (Html::ForceTrailingSlash, "/a", "-> /a/"),
            (Html::ForceTrailingSlash, "/a/", "/a.html"),
            (Html::ForceTrailingSlash, "/b", "-> /b/"),
            (Html::DropTrailingSlash, "/b/", "-> /b"),
            (Html::DropTrailingSlash, "/b", "/b/index.html"),
            (Html::DropTrailingSlash, "/", "/index.html"),
            (Html::None, "/a", "none"),
            (Html::None, "/a.html", "/a.html"),
        ] {
            assert_eq!(told(how, path), expected, "{how:?} {path}");
        }
    }

    #[test]
    fn what_is_not_there_gets_what_was_asked_for() {
        let has = |path: &str| FILES.contains(&path) || path == "/b/404.html";
        assert_eq!(fallback(has, NotFoundHandling::None, "/x"), None);
        assert_eq!(
            fallback(has, NotFoundHandling::SinglePageApplication, "/x/y"),
            Some(("/index.html".into(), true))
        );
        assert_eq!(fallback(has, NotFoundHandling::Page, "/b/x/y"), Some(("/b/404.html".into(), false)));
        assert_eq!(fallback(has, NotFoundHandling::Page, "/x"), Some(("/404.html".into(), false)));
    }
}
