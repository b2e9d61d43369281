//! Handlers that fetch their own public address, and so call themselves without an end: every request that leaves says how often
//! its cause came through here (`CDN-Loop`, RFC 8586), and one that came too often is not served. Pure.

use http::{HeaderMap, HeaderName, HeaderValue};

/// The field.
const FIELD: HeaderName = HeaderName::from_static("cdn-loop");

/// What stands for us there: all gateways have one name, for a loop may lead through several.
const NAME: &str = "tabmesh";

/// Times that a request may come through. As deep as service bindings go.
pub const MAX: usize = 16;

/// How often what caused a request with these fields came through before.
#[must_use]
pub fn count(headers: &HeaderMap) -> usize {
    let values = headers.get_all(FIELD).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter(|member| is_ours(member)).count()
}

/// Says that the cause of a request came through so often; what the fields say of others stays.
pub fn mark(headers: &mut HeaderMap, times: usize) {
    let mut members: Vec<&str> = vec![];
    for value in headers.get_all(FIELD) {
        members.extend(value.to_str().unwrap_or_default().split(',').map(str::trim));
    }
    members.retain(|member| !member.is_empty() && !is_ours(member));
    members.extend(std::iter::repeat_n(NAME, times));
    match HeaderValue::try_from(members.join(", ")) {
        Ok(value) if !value.is_empty() => drop(headers.insert(FIELD, value)),
        _ => drop(headers.remove(FIELD)),
    }
}

/// A member is a name and perhaps parameters.
fn is_ours(member: &str) -> bool {
    member.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case(NAME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_is_counted_and_others_are_left_alone() {
        let mut headers = HeaderMap::new();
        assert_eq!(count(&headers), 0);
        mark(&mut headers, 0);
        assert!(headers.is_empty());
        headers.append("cdn-loop", HeaderValue::from_static("other; a=1, TabMesh;v=1"));
        headers.append("cdn-loop", HeaderValue::from_static("tabmesh,tabmesh-not"));
        assert_eq!(count(&headers), 2);
        mark(&mut headers, 3);
        assert_eq!(headers["cdn-loop"], "other; a=1, tabmesh-not, tabmesh, tabmesh, tabmesh");
        assert_eq!((count(&headers), headers.len()), (3, 1));
    }
}
