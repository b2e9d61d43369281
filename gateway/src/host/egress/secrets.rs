//! Secrets on their way out: a handler holds placeholders, and the values take their place in what it sends elsewhere. In the URL
//! behind the host, in fields (also inside of Basic credentials), and in small bodies of text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Uri, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Placeholder and value.
pub type Secrets = [(String, String)];

/// What every placeholder begins with: texts without it need no second look.
pub const BEGIN: &str = "tabmesh-secret-";

fn replaced(text: &str, secrets: &Secrets, encode: impl Fn(&str) -> String) -> Option<String> {
    if !text.contains(BEGIN) {
        return None;
    }
    let mut out = text.to_owned();
    for (placeholder, value) in secrets {
        if out.contains(placeholder) {
            out = out.replace(placeholder, &encode(value));
        }
    }
    Some(out)
}

/// In path and query; never in the host, which would tell it to name servers.
#[must_use]
pub fn in_uri(uri: &Uri, secrets: &Secrets) -> Option<Uri> {
    let text = uri.path_and_query()?.as_str();
    let text = replaced(text, secrets, |value| utf8_percent_encode(value, NON_ALPHANUMERIC).to_string())?;
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(text.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// In all fields. A value that no field can hold leaves its placeholder there.
pub fn in_headers(headers: &mut HeaderMap, secrets: &Secrets) {
    for (name, field) in headers.iter_mut() {
        let Ok(text) = field.to_str() else { continue };
        let basic = text.strip_prefix("Basic ").filter(|_| *name == header::AUTHORIZATION);
        let credentials = basic.and_then(|text| String::from_utf8(STANDARD.decode(text.trim()).ok()?).ok());
        let new = match credentials {
            Some(plain) => {
                replaced(&plain, secrets, str::to_owned).map(|it| format!("Basic {}", STANDARD.encode(it)))
            }
            None => replaced(text, secrets, str::to_owned),
        };
        if let Some(new) = new.and_then(|text| HeaderValue::from_str(&text).ok()) {
            *field = new;
            field.set_sensitive(true);
        }
    }
}

/// In a body of text: plainly, or inside of JSON strings and forms as those write it.
#[must_use]
pub fn in_body(headers: &HeaderMap, body: &Bytes, secrets: &Secrets) -> Option<Bytes> {
    let text = std::str::from_utf8(body).ok()?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let new = if kind.starts_with("application/x-www-form-urlencoded") {
        replaced(text, secrets, |value| utf8_percent_encode(value, NON_ALPHANUMERIC).to_string())
    } else if kind.contains("json") {
        // Without its quotes.
        let inner = |value: &str| serde_json::Value::from(value).to_string();
        replaced(text, secrets, |value| inner(value).trim_start_matches('"').trim_end_matches('"').to_owned())
    } else if kind.starts_with("text/") || kind.contains("xml") {
        replaced(text, secrets, str::to_owned)
    } else {
        None
    };
    new.map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Vec<(String, String)> {
        vec![(format!("{BEGIN}1"), "p&\"w ü".to_owned()), (format!("{BEGIN}2"), "two".to_owned())]
    }

    #[test]
    fn a_value_takes_its_placeholders_place() {
        let uri: Uri = format!("https://{BEGIN}2.example/{BEGIN}1?k={BEGIN}2").parse().unwrap();
        let new = in_uri(&uri, &secrets()).unwrap().to_string();
        assert_eq!(new, format!("https://{BEGIN}2.example/p%26%22w%20%C3%BC?k=two"));
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_str(&format!("Bearer {BEGIN}2")).unwrap());
        headers.insert("x", HeaderValue::from_static("plain"));
        in_headers(&mut headers, &secrets());
        assert_eq!(headers["authorization"], "Bearer two");
        assert_eq!(headers["x"], "plain");
        let basic = format!("Basic {}", STANDARD.encode(format!("me:{BEGIN}2")));
        headers.insert("authorization", HeaderValue::from_str(&basic).unwrap());
        in_headers(&mut headers, &secrets());
        assert_eq!(headers["authorization"], format!("Basic {}", STANDARD.encode("me:two")).as_str());
    }

    #[test]
    fn bodies_keep_their_form() {
        let of = |kind: &'static str, body: String| {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))]);
            in_body(&headers, &body.into(), &secrets()).map(|body| String::from_utf8(body.to_vec()).unwrap())
        };
        let json = of("application/json", format!("{{\"k\":\"{BEGIN}1\"}}")).unwrap();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["k"], "p&\"w ü");
        assert_eq!(
            of("application/x-www-form-urlencoded", format!("k={BEGIN}1")).unwrap(),
            "k=p%26%22w%20%C3%BC"
        );
        assert_eq!(of("text/plain", format!("{BEGIN}2!")).unwrap(), "two!");
        assert_eq!(of("application/octet-stream", format!("{BEGIN}2")), None);
        assert_eq!(of("text/plain", "nothing".into()), None);
    }
}
