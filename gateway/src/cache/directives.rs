//! Cache-Control as a list of directives. Never fails: what cannot be read is not there.

use http::{HeaderMap, HeaderName, header};

/// For shared caches, before Cache-Control (RFC 9213).
const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");

/// Directives whose argument names fields concern those fields only (RFC 9111, sections 5.2.2.4 and 5.2.2.7).
const QUALIFIED: [&str; 2] = ["private", "no-cache"];

/// What a response says about its caching.
#[derive(Debug, Default)]
pub struct Directives(Vec<(String, Option<String>)>);

/// Whether a response says anything about its caching, so that most are done with at once.
pub fn speaks(headers: &HeaderMap) -> bool {
    [header::CACHE_CONTROL, header::EXPIRES, CDN_CACHE_CONTROL].iter().any(|name| headers.contains_key(name))
}

impl Directives {
    /// Of a response.
    pub fn of(headers: &HeaderMap) -> Self {
        let targeted = headers.contains_key(CDN_CACHE_CONTROL);
        let field = if targeted { CDN_CACHE_CONTROL } else { header::CACHE_CONTROL };
        let values = headers.get_all(field).iter().filter_map(|value| value.to_str().ok());
        Self(values.flat_map(split).map(directive).filter(|(name, _)| !name.is_empty()).collect())
    }

    /// Whether there is one of this name that goes for the whole response.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|directive| directive.0 == name && !is_qualified(directive))
    }

    /// The argument of the first of this name, in seconds.
    pub fn seconds(&self, name: &str) -> Option<u64> {
        self.0.iter().find(|directive| directive.0 == name)?.1.as_deref()?.parse().ok()
    }

    /// The fields that are not to be stored.
    pub fn withheld(&self) -> Vec<HeaderName> {
        let lists = self.0.iter().filter(|directive| is_qualified(directive));
        let names = lists.flat_map(|(_, argument)| argument.as_deref().unwrap_or_default().split(','));
        names.filter_map(|name| name.trim().parse().ok()).collect()
    }

    /// The directives that go for the whole response and concern freshness, as text without quotes.
    pub fn plain(&self) -> String {
        let mut text = String::new();
        for directive @ (name, argument) in &self.0 {
            // Forbids to serve what is stale, which is our business; for the policy it would mean stale at once.
            if is_qualified(directive) || name == "proxy-revalidate" {
                continue;
            }
            if !text.is_empty() {
                text.push_str(", ");
            }
            text.push_str(name);
            if let Some(argument) =
                argument.as_deref().filter(|it| it.bytes().all(|byte| byte.is_ascii_alphanumeric()))
            {
                text.push('=');
                text.push_str(argument);
            }
        }
        text
    }
}

fn is_qualified((name, argument): &(String, Option<String>)) -> bool {
    argument.is_some() && QUALIFIED.contains(&name.as_str())
}

/// Splits at commas outside of quotes.
fn split(value: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    value.split(move |c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
}

fn directive(text: &str) -> (String, Option<String>) {
    let (name, argument) = match text.split_once('=') {
        Some((name, argument)) => (name, Some(argument.trim().trim_matches('"').to_owned())),
        None => (text, None),
    };
    (name.trim().to_ascii_lowercase(), argument)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&'static str, &'static str)]) -> Directives {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        assert!(speaks(&headers));
        Directives::of(&headers)
    }

    #[test]
    fn names_have_no_case_and_commas_may_be_quoted() {
        let it = of(&[
            ("cache-control", r#"Max-Age="60" , private="Set-Cookie, X-Own",, no-cache"#),
            ("cache-control", "S-MaxAge=5"),
        ]);
        assert_eq!(
            (it.seconds("max-age"), it.seconds("s-maxage"), it.seconds("x")),
            (Some(60), Some(5), None)
        );
        assert!(it.has("no-cache") && !it.has("private"));
        assert_eq!(it.withheld(), ["set-cookie", "x-own"]);
        assert_eq!(it.plain(), "max-age=60, no-cache, s-maxage=5");
    }

    #[test]
    fn what_is_meant_for_shared_caches_comes_first() {
        let it = of(&[("cache-control", "no-store"), ("cdn-cache-control", "max-age=9")]);
        assert!(!it.has("no-store") && it.seconds("max-age") == Some(9));
        assert!(!speaks(&HeaderMap::new()));
    }
}
