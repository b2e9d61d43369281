//! What the routes of Cloudflare's API need ([`crate::cloudflare`]).

use super::Action::{Deploy, Kv, Read, Secrets, Sql, Tail};
use super::Need::{Own, Public, Tenant};
use super::Row;
use http::Method;

/// Prefix of the API.
pub(super) const BASE: &str = "/_mesh/client/v4/";

/// And of one account's part of it.
pub(super) const ACCOUNT: &str = "accounts/{account}";

/// Under [`BASE`]. Everybody with a token is told who it is, and its own accounts.
#[rustfmt::skip]
pub(super) const TOP: &[Row] = &[
    // Says that there is nothing.
    ("{*path}", &[(Method::GET, Public)]),
    // Asks for the secret of a tail that somebody with a token made.
    ("tails/{tail}", &[(Method::GET, Public)]),
    // The same of a file of SQL.
    ("d1-files/{file}", &[(Method::GET, Public), (Method::PUT, Public)]),
    ("user", &[(Method::GET, Own(Read))]),
    ("user/tokens/verify", &[(Method::GET, Own(Read))]),
    ("accounts", &[(Method::GET, Own(Read))]),
    ("memberships", &[(Method::GET, Own(Read))]),
    ("zones", &[(Method::GET, Own(Read))]),
    ("zones/{zone}", &[(Method::GET, Own(Read))]),
    ("zones/{zone}/workers/routes", &[(Method::GET, Own(Read))]),
];

/// Under [`BASE`] and [`ACCOUNT`].
#[rustfmt::skip]
pub(super) const OF_ACCOUNT: &[Row] = &[
    ("", &[(Method::GET, Tenant(Read))]),
    ("/workers/subdomain", &[(Method::GET, Tenant(Read))]),
    ("/workers/scripts", &[(Method::GET, Tenant(Read))]),
    ("/workers/services/{script}", &[(Method::GET, Tenant(Read)), (Method::DELETE, Tenant(Deploy))]),
    ("/workers/tails/by-consumer/{script}", &[(Method::GET, Tenant(Read))]),
    // Asks for the token of an upload that somebody with a token began.
    ("/workers/assets/upload", &[(Method::POST, Public)]),
    ("/workers/scripts/{script}", &[(Method::PUT, Tenant(Deploy)), (Method::DELETE, Tenant(Deploy))]),
    ("/workers/scripts/{script}/settings", &[(Method::GET, Tenant(Read)), (Method::PATCH, Tenant(Secrets))]),
    ("/workers/scripts/{script}/script-settings", &[(Method::GET, Tenant(Read)), (Method::PATCH, Tenant(Deploy))]),
    ("/workers/scripts/{script}/references", &[(Method::GET, Tenant(Read))]),
    ("/workers/scripts/{script}/assets-upload-session", &[(Method::POST, Tenant(Deploy))]),
    ("/workers/scripts/{script}/subdomain", &[(Method::GET, Tenant(Read)), (Method::POST, Tenant(Deploy))]),
    ("/workers/scripts/{script}/schedules", &[(Method::GET, Tenant(Read)), (Method::PUT, Tenant(Deploy))]),
    ("/workers/scripts/{script}/routes", &[(Method::PUT, Tenant(Deploy))]),
    ("/workers/scripts/{script}/domains/records", &[(Method::PUT, Tenant(Deploy))]),
    ("/workers/scripts/{script}/domains/changeset", &[(Method::POST, Tenant(Read))]),
    ("/workers/scripts/{script}/versions", &[(Method::GET, Tenant(Read)), (Method::POST, Tenant(Deploy))]),
    ("/workers/scripts/{script}/versions/{version}", &[(Method::GET, Tenant(Read))]),
    ("/workers/scripts/{script}/content/v2", &[(Method::GET, Tenant(Read))]),
    ("/workers/scripts/{script}/deployments", &[(Method::GET, Tenant(Read)), (Method::POST, Tenant(Deploy))]),
    ("/workers/scripts/{script}/tails", &[(Method::POST, Tenant(Tail))]),
    ("/workers/scripts/{script}/tails/{tail}", &[(Method::DELETE, Tenant(Tail))]),
    ("/workers/scripts/{script}/secrets", &[(Method::GET, Tenant(Secrets)), (Method::PUT, Tenant(Secrets))]),
    ("/workers/scripts/{script}/secrets/{secret}", &[(Method::DELETE, Tenant(Secrets))]),
    ("/storage/kv/namespaces", &[(Method::GET, Tenant(Kv)), (Method::POST, Tenant(Kv))]),
    ("/storage/kv/namespaces/{namespace}", &[(Method::PUT, Tenant(Kv)), (Method::DELETE, Tenant(Kv))]),
    ("/storage/kv/namespaces/{namespace}/keys", &[(Method::GET, Tenant(Kv))]),
    ("/storage/kv/namespaces/{namespace}/values/{key}", &[(Method::GET, Tenant(Kv)), (Method::PUT, Tenant(Kv)), (Method::DELETE, Tenant(Kv))]),
    ("/storage/kv/namespaces/{namespace}/bulk", &[(Method::PUT, Tenant(Kv)), (Method::DELETE, Tenant(Kv))]),
    ("/storage/kv/namespaces/{namespace}/bulk/get", &[(Method::POST, Tenant(Kv))]),
    ("/storage/kv/namespaces/{namespace}/bulk/delete", &[(Method::POST, Tenant(Kv))]),
    ("/d1/database", &[(Method::GET, Tenant(Sql)), (Method::POST, Tenant(Sql))]),
    ("/d1/database/{database}", &[(Method::GET, Tenant(Sql)), (Method::DELETE, Tenant(Sql))]),
    ("/d1/database/{database}/query", &[(Method::POST, Tenant(Sql))]),
    ("/d1/database/{database}/import", &[(Method::POST, Tenant(Sql))]),
    ("/d1/database/{database}/export", &[(Method::POST, Tenant(Sql))]),
];
