//! Who makes a request of the API. Routes find it in the request's extensions.

use super::action::{Action, Actions};
use axum::extract::Request;
use std::sync::Arc;

/// Id and name where no tokens are asked for.
const ANYBODY: &str = "anybody";

/// Who asks, and what they may. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The token's id; `anybody` where no tokens are asked for.
    pub id: Arc<str>,
    /// The token's name.
    pub name: Arc<str>,
    /// The tenant it is for; `None` for all.
    pub tenant: Option<Arc<str>>,
    /// What it allows.
    pub actions: Actions,
}

impl Principal {
    /// Whoever reaches a gateway that asks for no tokens: may do everything.
    #[must_use]
    pub fn anybody() -> Self {
        Self {
            id: ANYBODY.into(),
            name: ANYBODY.into(),
            tenant: None,
            actions: [Action::Admin].into_iter().collect(),
        }
    }

    /// The name of who makes this request, if tokens are asked for.
    #[must_use]
    pub fn named(request: &Request) -> Option<String> {
        let principal = request.extensions().get::<Self>()?;
        (*principal.id != *ANYBODY).then(|| principal.name.to_string())
    }

    /// Whether it may do `action` where it may do anything.
    #[must_use]
    pub fn may(&self, action: Action) -> bool {
        self.actions.allow(action)
    }

    /// Whether the tenant exists for it.
    #[must_use]
    pub fn sees(&self, tenant: &str) -> bool {
        self.tenant.as_deref().is_none_or(|own| own == tenant)
    }

    /// Whether it may do everything everywhere.
    #[must_use]
    pub fn is_operator(&self) -> bool {
        self.tenant.is_none() && self.may(Action::Admin)
    }

    /// Whether a token for `tenant` (`None`: all) and `actions` allows no more than this one.
    #[must_use]
    pub fn covers(&self, tenant: Option<&str>, actions: Actions) -> bool {
        let within = match (&self.tenant, tenant) {
            (None, _) => true,
            (Some(own), Some(tenant)) => &**own == tenant,
            (Some(_), None) => false,
        };
        within && self.actions.cover(actions)
    }
}
