//! `tabmesh completions`: what a shell offers behind `tabmesh`.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::Cli;
use super::error::CliError;
use super::out::Out;

/// What `completions` is told.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  tabmesh completions bash > ~/.local/share/bash-completion/completions/tabmesh
  tabmesh completions zsh > ~/.zfunc/_tabmesh          with ~/.zfunc in fpath
  tabmesh completions fish > ~/.config/fish/completions/tabmesh.fish")]
pub struct CompletionArgs {
    /// The shell
    shell: Shell,
}

/// `tabmesh completions`: writes the script to stdout.
pub(super) fn run(args: &CompletionArgs, out: Out) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "tabmesh", &mut script);
    out.bytes(&script)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_knows_every_command() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "tabmesh", &mut script);
            let script = String::from_utf8(script).unwrap();
            for command in Cli::command().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell}: {}", command.get_name());
            }
        }
    }
}
