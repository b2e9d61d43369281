//! The ways in which a tab isolates handlers, and the browsers that it does it in.

use clap::ValueEnum;
use std::fmt;
use tabmesh_tests::Firefox;

/// Where the attacks run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Chromium that the gateway opens itself; each tenant has an origin of its own
    Origin,
    /// Chromium where no sandbox domain is to be had: opaque origins
    Opaque,
    /// Firefox; each tenant has an origin of its own
    Firefox,
}

impl Mode {
    /// Those asked for, or all that can run here. A browser that is missing is said so, and is an error if asked for.
    pub fn chosen(asked: &[Self]) -> Vec<Self> {
        if !asked.is_empty() {
            return asked.to_vec();
        }
        let mut all = vec![Self::Origin, Self::Opaque];
        if Firefox::find().is_some() {
            all.push(Self::Firefox);
        } else {
            println!("Firefox is not installed, so nothing runs there (Debian: apt-get install firefox-esr)");
        }
        all
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Origin => "origin",
            Self::Opaque => "opaque",
            Self::Firefox => "firefox",
        })
    }
}
