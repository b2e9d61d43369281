//! Which gateway, whose handlers, with which token: what flags, environment and configuration files say, and which of them
//! holds. Pure: reads nothing ([`super::sources`] does).
//!
//! A token (and `ca`) of a file belongs to the gateway that this file names, and goes to no other: else a project's file
//! could name a gateway of its author's and be sent the token that stands in its user's.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The gateway, where nobody names one.
pub const DEFAULT_GATEWAY: &str = "http://127.0.0.1:8787";

/// Where a value comes from, weakest last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Flag,
    Environment,
    /// A file, and the profile in it.
    File(PathBuf, Option<String>),
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag => f.write_str("flag"),
            Origin::Environment => f.write_str("environment"),
            Origin::File(path, None) => write!(f, "{}", path.display()),
            Origin::File(path, Some(profile)) => write!(f, "{} [profiles.{profile}]", path.display()),
            Origin::Default => f.write_str("default"),
        }
    }
}

/// What one place says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Values {
    pub(super) gateway: Option<String>,
    pub(super) tenant: Option<String>,
    pub(super) token: Option<String>,
    pub(super) token_file: Option<PathBuf>,
    pub(super) ca: Option<PathBuf>,
}

/// A configuration file, read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfigFile {
    /// The profile that holds unless another is chosen.
    profile: Option<String>,
    gateway: Option<String>,
    tenant: Option<String>,
    token: Option<String>,
    token_file: Option<PathBuf>,
    ca: Option<PathBuf>,
    #[serde(default)]
    profiles: BTreeMap<String, Values>,
}

impl ConfigFile {
    /// Reads TOML; paths in it are relative to `folder`.
    ///
    /// Errors are the parser's, with line and column.
    pub(super) fn parse(text: &str, folder: &Path) -> Result<Self, String> {
        let mut file: Self = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        let paths = file.profiles.values_mut().flat_map(|values| [&mut values.token_file, &mut values.ca]);
        for path in paths.chain([&mut file.token_file, &mut file.ca]).flatten() {
            *path = folder.join(&*path);
        }
        Ok(file)
    }

    fn top(&self) -> Values {
        Values {
            gateway: self.gateway.clone(),
            tenant: self.tenant.clone(),
            token: self.token.clone(),
            token_file: self.token_file.clone(),
            ca: self.ca.clone(),
        }
    }

    /// Whether a token stands in it.
    pub(super) fn has_token(&self) -> bool {
        self.token.is_some() || self.profiles.values().any(|values| values.token.is_some())
    }

    /// Files that tokens are read from.
    pub(super) fn token_files(&self) -> impl Iterator<Item = &Path> {
        self.profiles
            .values()
            .filter_map(|values| values.token_file.as_deref())
            .chain(self.token_file.as_deref())
    }
}

/// Everything that was found.
#[derive(Clone, Debug, Default)]
pub(super) struct Sources {
    pub(super) flags: Values,
    /// `--profile`, or `TABMESH_PROFILE`.
    pub(super) profile: Option<String>,
    pub(super) environment: Values,
    pub(super) project: Option<(PathBuf, ConfigFile)>,
    pub(super) user: Option<(PathBuf, ConfigFile)>,
}

/// A value and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found<T> {
    pub(super) value: T,
    pub(super) origin: Origin,
}

/// A token, or where it is.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Token {
    Text(String),
    File(PathBuf),
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Text(_) => f.write_str("Token"),
            Token::File(path) => write!(f, "Token in {}", path.display()),
        }
    }
}

/// What holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) gateway: Found<String>,
    pub(super) tenant: Option<Found<String>>,
    pub(super) token: Option<Found<Token>>,
    pub(super) ca: Option<Found<PathBuf>>,
    /// The profile that was chosen.
    pub(super) profile: Option<String>,
    /// Where a token stands that is not used, for it is another gateway's.
    pub(super) withheld: Option<Origin>,
}

/// One place, and the gateway that its token is for; `None` for those that mean whichever gateway it is.
struct Layer {
    origin: Origin,
    values: Values,
    beside: Option<String>,
}

impl Sources {
    /// Flags before environment before project before user; a profile's values stand before all of the place where it was
    /// chosen, so one that a flag names before both files.
    ///
    /// Errors when a chosen profile is nowhere.
    pub(super) fn settle(&self) -> Result<Settings, String> {
        let own =
            |file: &Option<(PathBuf, ConfigFile)>| file.as_ref().and_then(|(_, file)| file.profile.clone());
        let chosen = [self.profile.clone(), own(&self.project), own(&self.user)];
        let profile = chosen.iter().flatten().next().cloned();
        let place = chosen.iter().position(Option::is_some);
        let of_profile = match &profile {
            Some(name) => self.profile_layers(name)?,
            None => Vec::new(),
        };
        let mut of_profile = Some(of_profile);
        let mut layers = vec![
            Layer { origin: Origin::Flag, values: self.flags.clone(), beside: None },
            Layer { origin: Origin::Environment, values: self.environment.clone(), beside: None },
        ];
        for (index, file) in [(0, None), (1, self.project.as_ref()), (2, self.user.as_ref())] {
            if place == Some(index) {
                layers.extend(of_profile.take().into_iter().flatten());
            }
            if let Some((path, file)) = file {
                let beside = Some(file.gateway.clone().unwrap_or_else(|| DEFAULT_GATEWAY.into()));
                layers.push(Layer { origin: Origin::File(path.clone(), None), values: file.top(), beside });
            }
        }
        Ok(pick(layers, profile))
    }

    /// The profile's tables in both files.
    fn profile_layers(&self, name: &str) -> Result<Vec<Layer>, String> {
        let files: Vec<&(PathBuf, ConfigFile)> = [&self.project, &self.user].into_iter().flatten().collect();
        let layer = |(path, file): &(PathBuf, ConfigFile)| {
            let values = file.profiles.get(name)?.clone();
            let beside = values.gateway.clone().or_else(|| file.gateway.clone());
            let beside = Some(beside.unwrap_or_else(|| DEFAULT_GATEWAY.into()));
            Some(Layer { origin: Origin::File(path.clone(), Some(name.to_owned())), values, beside })
        };
        let layers: Vec<Layer> = files.iter().filter_map(|file| layer(file)).collect();
        if layers.is_empty() {
            let known: Vec<&str> =
                files.iter().flat_map(|(_, file)| file.profiles.keys().map(String::as_str)).collect();
            let known = if known.is_empty() {
                "there are none".into()
            } else {
                format!("there are {}", known.join(", "))
            };
            return Err(format!("there is no profile `{name}`; {known}"));
        }
        Ok(layers)
    }
}

fn pick(layers: Vec<Layer>, profile: Option<String>) -> Settings {
    fn first<T>(layers: &[Layer], get: impl Fn(&Values) -> Option<T>) -> Option<Found<T>> {
        layers
            .iter()
            .find_map(|layer| Some(Found { value: get(&layer.values)?, origin: layer.origin.clone() }))
    }
    let gateway = first(&layers, |values| values.gateway.as_deref().map(|url| plain(url).to_owned()))
        .unwrap_or_else(|| Found { value: DEFAULT_GATEWAY.into(), origin: Origin::Default });
    let tenant = first(&layers, |values| values.tenant.clone());
    let is_for = |layer: &Layer| layer.beside.as_deref().is_none_or(|beside| plain(beside) == gateway.value);
    let (own, others): (Vec<Layer>, Vec<Layer>) = layers.into_iter().partition(is_for);
    let token = |values: &Values| {
        let text = values.token.clone().map(Token::Text);
        text.or_else(|| values.token_file.clone().map(Token::File))
    };
    let found = first(&own, token);
    let withheld = if found.is_none() { first(&others, token).map(|found| found.origin) } else { None };
    let ca = first(&own, |values| values.ca.clone());
    Settings { gateway, tenant, token: found, ca, profile, withheld }
}

/// A base URL without the slash at its end.
fn plain(url: &str) -> &str {
    url.trim_end_matches('/')
}

#[cfg(test)]
mod tests;
