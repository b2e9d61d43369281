//! What handlers can call: outbound fetch, and the bindings of their version. The version's bundle says what a name means, never
//! the tab. Nothing here knows streams or sessions.

mod d1;
pub mod egress;
mod kv;

use crate::breach::Labels;
use crate::cache::{self, Cache};
use crate::catalog::Catalog;
use crate::kv::{Kv, Namespace};
use crate::mesh::incoming::{Grant, Host};
use crate::sql::{DatabaseId, Databases};
use axum::body::Body;
use egress::{Egress, Redirect};
use http::{Request, Response};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tabmesh_protocol::bundle::Binding;
use tabmesh_protocol::calls;

/// Versions whose bindings are kept in memory; beyond it all are read anew.
const KNOWN: usize = 1024;

/// What a version may call.
#[derive(Debug, Default, Deserialize)]
struct Surroundings {
    #[serde(default)]
    env: Vec<Binding>,
    #[serde(default)]
    egress: Option<Vec<String>>,
}

/// The host of a gateway.
pub struct Calls {
    catalog: Arc<Catalog>,
    egress: Option<Egress>,
    kv: Arc<Kv>,
    databases: Databases,
    cache: Arc<Cache>,
    known: Mutex<HashMap<String, Arc<Surroundings>>>,
}

impl Calls {
    /// Serves the handlers of `catalog`; without `egress` none of them fetches.
    #[must_use]
    pub fn new(catalog: Arc<Catalog>, egress: Option<Egress>, kv: Arc<Kv>, databases: Databases, cache: Arc<Cache>) -> Self {
        Self { catalog, egress, kv, databases, cache, known: Mutex::default() }
    }

    async fn surroundings(&self, version: &str) -> Result<Arc<Surroundings>, String> {
        if let Some(known) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(version) {
            return Ok(Arc::clone(known));
        }
        let bundle = self.catalog.code(version).await.ok().flatten();
        let bundle = bundle.ok_or("this version of the handler is not deployed any more")?;
        // Ours, as it was sealed at deploy.
        let read = serde_json::from_slice(&bundle).map_err(|_| "the bundle cannot be read")?;
        let read = Arc::new(read);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN {
            known.clear();
        }
        known.insert(version.to_owned(), Arc::clone(&read));
        Ok(read)
    }

    async fn fetch(&self, redirect: Redirect, of: &Surroundings, request: Request<Body>) -> Result<Response<Body>, String> {
        let egress = self.egress.as_ref().ok_or("outbound fetch is switched off on this gateway (--no-egress)")?;
        egress.fetch(request, redirect, of.egress.as_deref()).await
    }
}

#[async_trait::async_trait]
impl Host for Calls {
    async fn serve(&self, grant: Grant, name: &str, request: Request<Body>) -> Result<Response<Body>, String> {
        let Labels { target, .. } = &grant.labels;
        let surroundings = self.surroundings(&target.version).await?;
        match name {
            calls::FETCH => return self.fetch(Redirect::Follow, &surroundings, request).await,
            calls::FETCH_MANUAL => return self.fetch(Redirect::Manual, &surroundings, request).await,
            calls::FETCH_ERROR => return self.fetch(Redirect::Error, &surroundings, request).await,
            calls::CACHE => return cache::named::serve(&self.cache, &target.tenant, request).await,
            _ => {}
        }
        match surroundings.env.iter().find(|binding| binding.name() == name) {
            Some(Binding::KvNamespace { namespace_id, .. }) => {
                let namespace = Namespace { tenant: target.tenant.clone(), id: namespace_id.clone() };
                kv::serve(&self.kv, namespace, request).await
            }
            Some(Binding::D1 { id, .. }) => {
                let id = DatabaseId { tenant: target.tenant.clone(), id: id.clone() };
                d1::serve(&self.databases, id, request).await
            }
            Some(_) => Err(format!("the binding `{name}` is not one that can be called")),
            None => Err(format!("there is no binding `{name}`")),
        }
    }
}
