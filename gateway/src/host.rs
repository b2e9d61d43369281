//! What handlers can call: outbound fetch, and the bindings of their version. The version's bundle says what a name means, never
//! the tab. Nothing here knows streams or sessions.

mod d1;
pub mod egress;
mod kept;
pub(crate) mod kv;
mod plain;
mod service;
mod what;

use crate::breach::Labels;
use crate::cache;
use crate::catalog::Catalog;
use crate::invoke::Invoker;
use crate::kv::Namespace;
use crate::loops;
use crate::mesh::incoming::{Grant, Host};
use crate::mesh::memory::Memory;
use crate::site::Sites;
use crate::sql::DatabaseId;
use crate::storage::Storage;
use axum::body::Body;
use egress::{Egress, Redirect};
use http::{Request, Response};
use kept::Wish;
use opentelemetry::trace::{SpanId, TraceId};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tabmesh_protocol::bundle::Binding;
use tabmesh_protocol::{Target, calls};

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
    storage: Arc<Storage>,
    invoker: Arc<Invoker>,
    sites: Arc<Sites>,
    known: Mutex<HashMap<String, Arc<Surroundings>>>,
}

impl Calls {
    /// Serves the handlers of `catalog`; without `egress` none of them fetches.
    #[must_use]
    pub fn new(
        catalog: Arc<Catalog>,
        egress: Option<Egress>,
        storage: Arc<Storage>,
        invoker: Arc<Invoker>,
        sites: Arc<Sites>,
    ) -> Self {
        Self { catalog, egress, storage, invoker, sites, known: Mutex::default() }
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

    async fn fetch(
        &self,
        redirect: Redirect,
        of: &Surroundings,
        from: &Labels,
        mut request: Request<Body>,
    ) -> Result<Response<Body>, String> {
        let egress =
            self.egress.as_ref().ok_or("outbound fetch is switched off on this gateway (--no-egress)")?;
        let hosts = of.egress.as_deref();
        let wish = Wish::of(&mut request, &from.target.tenant, redirect.name());
        if let Some(wish) = &wish {
            egress::check(request.uri(), hosts)?;
            if let Some(found) = wish.find(self.invoker.cache()).await {
                return Ok(found);
            }
        }
        let secrets = self.secrets(of, &from.target);
        loops::mark(request.headers_mut(), from.passes + 1);
        let answer = egress.fetch(request, redirect, hosts, &secrets).await?;
        Ok(match wish {
            Some(wish) => wish.keep(Arc::clone(self.invoker.cache()), answer),
            None => answer,
        })
    }

    async fn kv(
        &self,
        memory: &Memory,
        target: &Target,
        id: String,
        request: Request<Body>,
    ) -> Result<Response<Body>, String> {
        let kv = self.storage.kv(memory.clone());
        kv::serve(&kv, Namespace { tenant: target.tenant.clone(), id }, request).await
    }

    async fn sql(
        &self,
        memory: &Memory,
        target: &Target,
        id: String,
        request: Request<Body>,
    ) -> Result<Response<Body>, String> {
        d1::serve(&self.storage, memory, DatabaseId { tenant: target.tenant.clone(), id }, request).await
    }

    /// What stands behind a version's placeholders.
    fn secrets(&self, of: &Surroundings, target: &Target) -> Vec<(String, String)> {
        let placeholder = |binding: &Binding| match binding {
            Binding::SecretText { name, placeholder } => Some((name.clone(), placeholder.clone())),
            _ => None,
        };
        let mut placeholders = of.env.iter().filter_map(placeholder).peekable();
        if placeholders.peek().is_none() {
            return vec![];
        }
        let values = self.catalog.secrets(&target.tenant, &target.handler);
        placeholders
            .filter_map(|(name, placeholder)| Some((placeholder, values.get(&name)?.clone())))
            .collect()
    }
}

#[async_trait::async_trait]
impl Host for Calls {
    async fn serve(
        &self,
        grant: Grant,
        name: &str,
        request: Request<Body>,
    ) -> Result<Response<Body>, String> {
        let surroundings = self.surroundings(&grant.labels.target.version).await?;
        let record = grant.sight.as_ref().and_then(|sight| sight.record.as_ref());
        let Some((record, calling)) = record.and_then(|record| Some((record, record.calls()?))) else {
            return self.call(&grant, name, &surroundings, request, None).await;
        };
        let what = what::what(name, &surroundings.env, &grant.labels.target, &request);
        let span = record.trace().map(|trace| (trace, calling.span));
        let answer = self.call(&grant, name, &surroundings, request, span).await;
        record.called(calling, what, answer.as_ref().ok().map(|response| response.status().as_u16()));
        answer
    }
}

impl Calls {
    /// Answers a call, which is this span.
    async fn call(
        &self,
        grant: &Grant,
        name: &str,
        surroundings: &Surroundings,
        request: Request<Body>,
        span: Option<(TraceId, SpanId)>,
    ) -> Result<Response<Body>, String> {
        let from = &grant.labels;
        let target = &from.target;
        match name {
            calls::FETCH => return self.fetch(Redirect::Follow, surroundings, from, request).await,
            calls::FETCH_MANUAL => return self.fetch(Redirect::Manual, surroundings, from, request).await,
            // No binding has such an id: a colon would be refused at deploy.
            calls::OWN_KV => {
                return self.kv(&grant.memory, target, format!(":{}", target.handler), request).await;
            }
            calls::OWN_SQL => {
                return self.sql(&grant.memory, target, format!(":{}", target.handler), request).await;
            }
            calls::CACHE => {
                let found = cache::named::serve(self.invoker.cache(), &target.tenant, request).await?;
                return plain::plain(found).await;
            }
            calls::FETCH_ERROR => return self.fetch(Redirect::Error, surroundings, from, request).await,
            _ => {}
        }
        match surroundings.env.iter().find(|binding| binding.name() == name) {
            Some(Binding::KvNamespace { namespace_id, .. }) => {
                self.kv(&grant.memory, target, namespace_id.clone(), request).await
            }
            Some(Binding::D1 { id, .. }) => self.sql(&grant.memory, target, id.clone(), request).await,
            Some(Binding::Assets { .. }) => {
                let request = Request::from_parts(request.into_parts().0, ());
                Ok(self.sites.fetch(&target.version, &request).await)
            }
            Some(Binding::Service { service, .. }) => {
                let answer =
                    service::serve(&self.catalog, &self.invoker, from, span, service, request).await?;
                plain::plain(answer).await
            }
            Some(Binding::PlainText { .. } | Binding::Json { .. } | Binding::SecretText { .. }) => {
                Err(format!("the binding `{name}` is not one that can be called"))
            }
            None => Err(format!("there is no binding `{name}`")),
        }
    }
}
