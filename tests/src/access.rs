//! Callers of a gateway that asks for tokens.

use crate::Gateway;
use crate::gateway::client;
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

/// Somebody who shows a token, or none.
#[derive(Clone, Debug)]
pub struct Caller {
    base: String,
    token: Option<String>,
    client: Client,
}

impl Caller {
    /// Whoever shows this token to the gateway.
    #[must_use]
    pub fn with(gateway: &Gateway, token: &str) -> Self {
        Self { base: gateway.url(""), token: Some(token.to_owned()), client: client() }
    }

    /// Somebody without one.
    #[must_use]
    pub fn nobody(gateway: &Gateway) -> Self {
        Self { base: gateway.url(""), token: None, client: client() }
    }

    /// The gateway's operator, whose token it wrote into its data directory.
    #[must_use]
    pub fn operator(gateway: &Gateway) -> Self {
        let file = gateway.home().join("data/admin-token");
        Self::with(gateway, std::fs::read_to_string(file).unwrap().trim())
    }

    /// The token.
    #[must_use]
    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    /// Sends a request; `path` begins with `/`.
    pub async fn send(&self, method: &str, path: &str, body: impl Into<reqwest::Body>) -> Response {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.client.request(method, format!("{}{path}", self.base)).body(body);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        request.send().await.unwrap()
    }

    /// Its status and JSON.
    pub async fn json(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let response = self.send(method, path, body).await;
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or(Value::Null))
    }

    /// Makes a token, and gives its id and whoever shows it.
    pub async fn make(&self, wanted: Value) -> (String, Self) {
        let (status, made) = self.json("POST", "/_mesh/v1/tokens", &wanted).await;
        assert_eq!(status, 201, "{wanted}: {made}");
        let token = Some(made["token"].as_str().unwrap().to_owned());
        (made["id"].as_str().unwrap().to_owned(), Self { token, ..self.clone() })
    }

    /// Makes a tenant.
    pub async fn make_tenant(&self, name: &str, settings: Value) {
        let (status, made) = self.json("PUT", &format!("/_mesh/v1/tenants/{name}"), &settings).await;
        assert!(status < 300, "{made}");
    }

    /// A token for one tenant and these actions.
    pub async fn make_for(&self, tenant: &str, actions: &[&str]) -> Self {
        self.make(json!({ "name": "test", "tenant": tenant, "actions": actions })).await.1
    }
}
