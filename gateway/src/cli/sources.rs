//! Where settings come from: flags, `TABMESH_*` variables, the project's `tabmesh.toml`, the user's `config.toml`.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::error::CliError;
use super::settings::{ConfigFile, Settings, Sources, Token, Values};

/// Name of the file in a project.
const PROJECT_FILE: &str = "tabmesh.toml";

/// Largest configuration or token file, in bytes: what is larger is something else.
const MAX_FILE: u64 = 64 * 1024;

/// Longest token, in characters.
const MAX_TOKEN: usize = 512;

/// Which gateway a command speaks to, and as whom.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Gateway (or in the environment, tabmesh.toml, ~/.config/tabmesh/config.toml)")]
pub struct Connect {
    /// The gateway [env: TABMESH_GATEWAY] [default: http://127.0.0.1:8787]
    #[arg(long, global = true, value_name = "URL")]
    pub gateway: Option<String>,

    /// Tenant that is meant [env: TABMESH_TENANT] [default: the default tenant]
    #[arg(long, global = true, value_name = "NAME")]
    pub tenant: Option<String>,

    /// File with the token, which is never given as a flag itself [env: TABMESH_TOKEN_FILE, or the token in TABMESH_TOKEN]
    #[arg(long, global = true, value_name = "FILE")]
    pub token_file: Option<PathBuf>,

    /// Profile of a configuration file [env: TABMESH_PROFILE]
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,

    /// Certificates (PEM) to trust beside the system's [env: TABMESH_CA]
    #[arg(long, global = true, value_name = "FILE")]
    pub ca: Option<PathBuf>,
}

impl Connect {
    /// What holds for a command about the project in `folder`. Warns on stderr about tokens that others can read.
    pub(super) fn settings(&self, folder: &Path) -> Result<Settings, CliError> {
        let text = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let path = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let project = match project_file(folder) {
            Some(path) => Some(read(&path)?),
            None => None,
        };
        if let Some((path, file)) = &project {
            stays_inside(path, file)?;
        }
        let user = match user_file().filter(|path| path.is_file()) {
            Some(path) => Some(read(&path)?),
            None => None,
        };
        let sources = Sources {
            flags: Values {
                gateway: self.gateway.clone(),
                tenant: self.tenant.clone(),
                token: None,
                token_file: self.token_file.clone(),
                ca: self.ca.clone(),
            },
            profile: self.profile.clone().or_else(|| text("TABMESH_PROFILE")),
            environment: Values {
                gateway: text("TABMESH_GATEWAY"),
                tenant: text("TABMESH_TENANT"),
                token: text("TABMESH_TOKEN"),
                token_file: path("TABMESH_TOKEN_FILE"),
                ca: path("TABMESH_CA"),
            },
            project,
            user,
        };
        sources.settle().map_err(|reason| {
            CliError::usage(
                reason,
                "profiles are tables [profiles.NAME] of the configuration files; see `tabmesh config`",
            )
        })
    }
}

/// The token itself.
pub(super) fn token(token: &Token) -> Result<String, CliError> {
    let (text, place) = match token {
        Token::Text(text) => (text.clone(), "the token".to_owned()),
        Token::File(path) => {
            warn_if_open(path);
            (bounded(path)?, path.display().to_string())
        }
    };
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_TOKEN || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(CliError::usage(
            format!("{place} holds no token"),
            "a token is one line of letters, digits and signs, as `tabmesh token create` prints it",
        ));
    }
    Ok(text.to_owned())
}

/// `tabmesh.toml` of a project: in its folder, or above it as far as its repository goes.
fn project_file(folder: &Path) -> Option<PathBuf> {
    let folder = folder.canonicalize().ok()?;
    let repository = folder.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(&folder);
    let mut folders = folder.ancestors().take_while(|folder| folder.starts_with(repository));
    folders.find_map(|folder| Some(folder.join(PROJECT_FILE)).filter(|path| path.is_file()))
}

/// `~/.config/tabmesh/config.toml`, or where `XDG_CONFIG_HOME` says.
pub(super) fn user_file() -> Option<PathBuf> {
    let named = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = named.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".config")))?;
    Some(folder.join("tabmesh/config.toml"))
}

fn read(path: &Path) -> Result<(PathBuf, ConfigFile), CliError> {
    let text = bounded(path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let file = ConfigFile::parse(&text, folder).map_err(|reason| {
        CliError::usage(
            format!("{}: {reason}", path.display()),
            "it may have gateway, tenant, token, token_file, ca, profile and [profiles.NAME]",
        )
    })?;
    if file.has_token() {
        warn_if_open(path);
    }
    Ok((path.to_owned(), file))
}

/// A project's file may come from a stranger: what it has read as a token, and sent to its gateway, is in the project.
fn stays_inside(path: &Path, file: &ConfigFile) -> Result<(), CliError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    for token in file.token_files() {
        if token.canonicalize().is_ok_and(|token| !token.starts_with(folder)) {
            return Err(CliError::usage(
                format!("{}: token_file lies outside of the project", path.display()),
                "name it in the environment (TABMESH_TOKEN_FILE) or in your own configuration file",
            ));
        }
    }
    Ok(())
}

fn bounded(path: &Path) -> Result<String, CliError> {
    let size = path.metadata().map_err(|error| CliError::file(path, error))?.len();
    if size > MAX_FILE {
        return Err(CliError::usage(
            format!("{} is too large to be what it should be", path.display()),
            "name another file",
        ));
    }
    std::fs::read_to_string(path).map_err(|error| CliError::file(path, error))
}

/// Says so when others can read the token in this file.
fn warn_if_open(path: &Path) {
    let Ok(metadata) = path.metadata() else { return };
    let mode = metadata.mode() & 0o777;
    if mode & 0o077 != 0 {
        eprintln!(
            "warning: {} holds a token and others can read it (mode {mode:o}): chmod 600 it",
            path.display()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projects_file_is_found_up_to_its_repository() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("repo/app/src");
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::write(root.path().join(PROJECT_FILE), "").unwrap();
        // No repository: the folder itself, not what anybody put above it.
        assert_eq!(project_file(&inner), None);
        std::fs::create_dir(root.path().join("repo/.git")).unwrap();
        assert_eq!(project_file(&inner), None);
        let file = root.path().canonicalize().unwrap().join("repo").join(PROJECT_FILE);
        std::fs::write(&file, "").unwrap();
        assert_eq!(project_file(&inner), Some(file));
    }

    #[test]
    fn a_projects_token_file_is_in_the_project() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().canonicalize().unwrap().join("app");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(root.path().join("key"), "private").unwrap();
        std::fs::write(folder.join("key"), "tm_x").unwrap();
        let path = folder.join(PROJECT_FILE);
        let check = |text: &str| {
            std::fs::write(&path, text).unwrap();
            stays_inside(&path, &read(&path).unwrap().1)
        };
        assert!(check("token_file = \"key\"").is_ok());
        assert!(check("token_file = \"../key\"").is_err());
        std::os::unix::fs::symlink(root.path().join("key"), folder.join("link")).unwrap();
        assert!(check("[profiles.x]\ntoken_file = \"link\"").is_err());
    }

    #[test]
    fn a_token_is_one_line() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("token");
        std::fs::write(&path, "tm_abc\n").unwrap();
        assert_eq!(token(&Token::File(path.clone())).unwrap(), "tm_abc");
        for text in ["", "two\nlines", "a b"] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(token(&Token::File(path.clone())).unwrap_err().exit_code(), 2, "{text}");
        }
    }
}
