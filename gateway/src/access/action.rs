//! What a token can allow.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One kind of things to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Look at handlers, versions, deployments and routes.
    Read,
    /// Deploy, delete, roll back, change routes and triggers, purge. A deployment may bring secrets with it.
    Deploy,
    /// Names of secrets; writing and deleting them.
    Secrets,
    /// Key-value namespaces and their entries.
    Kv,
    /// Statements on databases.
    Sql,
    /// Live logs.
    Tail,
    /// The gateway's figures.
    Metrics,
    /// Make, list and revoke tokens that allow no more than the one that is shown.
    Tokens,
    /// Everything.
    Admin,
}

impl Action {
    /// All of them.
    pub const ALL: [Action; 9] = [
        Action::Read,
        Action::Deploy,
        Action::Secrets,
        Action::Kv,
        Action::Sql,
        Action::Tail,
        Action::Metrics,
        Action::Tokens,
        Action::Admin,
    ];

    /// As in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Action::Read => "read",
            Action::Deploy => "deploy",
            Action::Secrets => "secrets",
            Action::Kv => "kv",
            Action::Sql => "sql",
            Action::Tail => "tail",
            Action::Metrics => "metrics",
            Action::Tokens => "tokens",
            Action::Admin => "admin",
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// A set of actions. In JSON a list of names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Action>", into = "Vec<Action>")]
pub struct Actions(u16);

impl Actions {
    /// Whether `action` is allowed.
    #[must_use]
    pub const fn allow(self, action: Action) -> bool {
        self.0 & (action.bit() | Action::Admin.bit()) != 0
    }

    /// Whether all of `other` is allowed.
    #[must_use]
    pub fn cover(self, other: Actions) -> bool {
        Action::ALL.iter().all(|action| !other.has(*action) || self.allow(*action))
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    const fn has(self, action: Action) -> bool {
        self.0 & action.bit() != 0
    }
}

impl From<Vec<Action>> for Actions {
    fn from(list: Vec<Action>) -> Self {
        list.into_iter().collect()
    }
}

impl FromIterator<Action> for Actions {
    fn from_iter<T: IntoIterator<Item = Action>>(list: T) -> Self {
        Actions(list.into_iter().fold(0, |bits, action| bits | action.bit()))
    }
}

impl From<Actions> for Vec<Action> {
    fn from(set: Actions) -> Self {
        Action::ALL.into_iter().filter(|action| set.has(*action)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(list: &[Action]) -> Actions {
        list.iter().copied().collect()
    }

    #[test]
    fn admin_allows_everything_and_is_covered_by_nothing_less() {
        for action in Action::ALL {
            assert!(set(&[Action::Admin]).allow(action) && set(&[action]).allow(action));
            assert!(!set(&[]).allow(action));
            let all_others: Actions =
                Action::ALL.into_iter().filter(|other| *other != action && *other != Action::Admin).collect();
            assert!(!all_others.allow(action) && !all_others.cover(set(&[action])), "{action:?}");
            assert!(set(&[Action::Admin]).cover(set(&[action])));
        }
    }

    #[test]
    fn json_is_a_list_of_names() {
        let set = set(&[Action::Deploy, Action::Read, Action::Read]);
        assert_eq!(serde_json::to_string(&set).unwrap(), r#"["read","deploy"]"#);
        assert_eq!(serde_json::from_str::<Actions>(r#"["deploy","read"]"#).unwrap(), set);
        assert!(serde_json::from_str::<Actions>(r#"["fly"]"#).is_err());
        for action in Action::ALL {
            assert_eq!(serde_json::to_value(action).unwrap(), action.name());
        }
    }
}
