//! Whether a deployment still fits into what its tenant may have.

use super::Api;
use crate::deploy::Compiled;
use crate::problem::{Problem, ProblemType};
use crate::storage::Usage;
use tabmesh_protocol::bundle::Piece;
use tokio::sync::SemaphorePermit;

impl Api {
    /// Refuses what would go beyond the tenant's quota. The permit (there is none without a quota) is to be held until the
    /// deployment is stored: two that come at once might each fit alone.
    pub(super) async fn within_quota(
        &self,
        tenant: &str,
        name: &str,
        compiled: &Compiled,
    ) -> Result<Option<SemaphorePermit<'_>>, Problem> {
        let quota = self.access.quota(tenant);
        let bound = |bound: Option<u64>| bound.filter(|bound| *bound > 0);
        let (handlers, bytes) = (bound(quota.handlers.map(u64::from)), bound(quota.stored_bytes));
        if handlers.is_none() && bytes.is_none() {
            return Ok(None);
        }
        let turn = self.quotas.acquire().await.map_err(|_| Problem::new(ProblemType::Internal))?;
        if let Some(most) = handlers
            && self.catalog.lookup(tenant, name).is_none()
            && self.catalog.tenant(tenant).unwrap_or(0) as u64 >= most
        {
            return Err(exceeded(
                "handlers",
                format!("The tenant may have {most} handlers; delete one first."),
            ));
        }
        if let Some(most) = bytes {
            let stored = self.usage(tenant).await?.stored_bytes;
            let more = size(compiled);
            if stored.saturating_add(more) > most {
                return Err(exceeded(
                    "stored_bytes",
                    format!(
                        "The tenant may store {most} bytes and has {stored}; this needs about {more} more."
                    ),
                ));
            }
        }
        Ok(Some(turn))
    }

    /// What a tenant stores, in whichever store.
    pub(super) async fn usage(&self, tenant: &str) -> Result<Usage, Problem> {
        self.storage.usage(tenant).await.map_err(|error| {
            tracing::error!(%error, %tenant, "what a tenant stores cannot be counted");
            Problem::new(ProblemType::Internal)
        })
    }
}

/// What would be written does not fit.
pub(super) fn no_room(detail: String) -> Problem {
    exceeded("stored_bytes", detail)
}

fn exceeded(quota: &str, detail: String) -> Problem {
    Problem::new(ProblemType::QuotaExceeded).detail(detail).member("quota", quota)
}

/// Bytes that a deployment adds, if nothing of it is stored yet.
fn size(compiled: &Compiled) -> u64 {
    let pieces = compiled.bundle.modules.iter().flat_map(|module| &module.source);
    let code: usize = pieces
        .map(|piece| match piece {
            Piece::Text(text) => text.len(),
            Piece::Import(_) => 0,
        })
        .sum();
    let files: usize = compiled.site.files.values().map(|bytes| bytes.len()).sum();
    (code + files) as u64
}
