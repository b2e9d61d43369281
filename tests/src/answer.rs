//! What came back, and in what two answers differ.
//!
//! What is not compared stands in [`NOT_COMPARED`], with its reason. Everything else of a head and every byte of a body
//! must be equal.

use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Response headers that are the platform's and not the handler's.
const NOT_COMPARED: [(&str, &str); 7] = [
    ("date", "when the server answered"),
    ("server", "which server answered"),
    ("connection", "one connection's business"),
    ("keep-alive", "one connection's business"),
    ("transfer-encoding", "framing; content-length is compared"),
    ("cf-cache-status", "of the response cache, which workerd does not have"),
    ("x-request-id", "names the request in Tabmesh's log"),
];

/// The problems by which Tabmesh answers for a handler that threw, or gave something else than a response.
const THREW: [&str; 2] = ["urn:tabmesh:problem:handler-exception", "urn:tabmesh:problem:no-response"];
/// What a body that ended too early is written as.
const CUT: &str = "(cut off)";

/// An answer, as far as it is compared.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    status: u16,
    headers: BTreeMap<String, Vec<String>>,
    body: Vec<u8>,
    cut: bool,
    /// Of HEAD, which says the length of what it leaves out.
    is_head: bool,
}

impl Answer {
    /// Reads one to its end.
    ///
    /// # Panics
    /// When nothing was sent, or no end came in time.
    pub async fn read(sent: reqwest::Result<reqwest::Response>, is_head: bool) -> Self {
        let mut answer = Self { status: 0, headers: BTreeMap::new(), body: Vec::new(), cut: false, is_head };
        let mut response = match sent {
            Ok(response) => response,
            // Nothing was sent: the suite is wrong, and no server.
            Err(error) if error.is_builder() || error.is_timeout() => panic!("asking: {error}"),
            // The connection ended before an answer.
            Err(_) => return answer,
        };
        answer.status = response.status().as_u16();
        for (name, value) in response.headers() {
            if NOT_COMPARED.iter().any(|(left_out, _)| name == left_out) {
                continue;
            }
            // Latin-1, so that no two values are the same text.
            let value = value.as_bytes().iter().map(|byte| char::from(*byte)).collect();
            answer.headers.entry(name.as_str().to_owned()).or_default().push(value);
        }
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => answer.body.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(_) => {
                    answer.cut = true;
                    break;
                }
            }
        }
        answer.without_own_words()
    }

    /// Both servers answer 500 in words of their own when a handler throws.
    fn without_own_words(mut self) -> Self {
        let problem = self.json().and_then(|body| Some(THREW.contains(&body.get("type")?.as_str()?)));
        let is_ours = problem == Some(true);
        let is_workerds = self.body == b"Internal Server Error";
        if self.status == 500 && (is_ours || is_workerds) {
            self.headers.clear();
            self.body = b"(the handler threw)".to_vec();
        }
        self
    }

    fn json(&self) -> Option<Map<String, Value>> {
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(map)) => Some(map),
            _ => None,
        }
    }

    fn text(&self) -> String {
        format!("{}{}", self.body.escape_ascii(), if self.cut { CUT } else { "" })
    }

    /// Whether nothing but a connection's end came, or a body ended too early.
    fn is_cut(&self) -> bool {
        self.cut || self.status == 0
    }

    /// A header's values. Several of one name mean the same as one with commas, but for cookies.
    fn header(&self, name: &str) -> String {
        let between = if name == "set-cookie" { " & " } else { ", " };
        self.headers.get(name).map_or("-".to_owned(), |all| all.join(between))
    }

    /// Whether a length is said that the body has: a server that knows it by then may do that or leave it.
    fn tells_length(&self) -> bool {
        !self.is_head && self.header("content-length") == self.body.len().to_string()
    }

    /// Its status; 0 where none came.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// A header's only value.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.first().map(String::as_str)
    }

    /// All values of a header.
    #[must_use]
    pub fn fields(&self, name: &str) -> &[String] {
        self.headers.get(name).map_or(&[], Vec::as_slice)
    }

    /// Its body.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// What differs, each with both sides: `status`, `header <name>`, `body`, or `body.<key>` where both are JSON objects.
    #[must_use]
    pub fn differences<'a>(&'a self, other: &'a Self) -> Vec<Difference> {
        let mut found = Vec::new();
        if self.is_cut() && other.is_cut() {
            // How much got out before the end is chance.
            return found;
        }
        let mut compare = |what: String, left: String, right: String| {
            if left != right {
                found.push(Difference { what, left, right });
            }
        };
        compare("status".to_owned(), self.status.to_string(), other.status.to_string());
        for name in self.headers.keys().chain(other.headers.keys()).collect::<BTreeSet<_>>() {
            // What a body's difference does to its length is no difference of its own.
            let is_free = name == "content-length"
                && (self.body != other.body || self.tells_length() || other.tells_length());
            if !is_free {
                compare(format!("header {name}"), self.header(name), other.header(name));
            }
        }
        match (self.json(), other.json()) {
            (Some(left), Some(right)) => {
                for key in left.keys().chain(right.keys()).collect::<BTreeSet<_>>() {
                    let show =
                        |map: &Map<String, Value>| map.get(key).map_or("-".to_owned(), Value::to_string);
                    compare(format!("body.{key}"), show(&left), show(&right));
                }
            }
            _ => compare("body".to_owned(), self.text(), other.text()),
        }
        found
    }
}

/// One thing in which two answers differ.
#[derive(Debug)]
pub struct Difference {
    /// The part.
    pub what: String,
    /// On the one side.
    pub left: String,
    /// On the other.
    pub right: String,
}
