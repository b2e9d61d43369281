//! `tabmesh triggers`: cron triggers, routes and preview URLs of a handler, shown and changed. They are of no version: a
//! rollback leaves them as they are.

use clap::{Args, ValueEnum};
use http::Method;
use serde_json::{Map, Value, json};

use super::client::Client;
use super::error::CliError;
use super::handlers::text;
use super::out::Out;
use super::sources::Connect;
use super::table::clean;

/// What `triggers` is told.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  tabmesh triggers shop                                   what leads to it
  tabmesh triggers shop --cron '*/5 * * * *' --cron '0 4 * * *'
  tabmesh triggers shop --route 'shop.example.com/api/*'
  tabmesh triggers shop --domain shop.example.com         all of a host
  tabmesh triggers shop --no-crons --preview-urls off

What is named takes the place of all that was there of its kind; what is not named stays. The next `tabmesh deploy` puts those of the
project's wrangler file in their place.")]
pub struct TriggersArgs {
    /// The handler
    handler: String,

    /// A cron trigger, five fields in UTC (may be repeated)
    #[arg(long, value_name = "CRON")]
    cron: Vec<String>,

    /// No cron triggers
    #[arg(long, conflicts_with = "cron")]
    no_crons: bool,

    /// A route, such as shop.example.com/api/* (may be repeated)
    #[arg(long, value_name = "PATTERN")]
    route: Vec<String>,

    /// A host that leads to this handler with all its paths; is one of the routes (may be repeated)
    #[arg(long, value_name = "HOST")]
    domain: Vec<String>,

    /// No routes and no domains
    #[arg(long, conflicts_with_all = ["route", "domain"])]
    no_routes: bool,

    /// Whether each version has a URL of its own
    #[arg(long, value_enum, value_name = "on|off")]
    preview_urls: Option<Switch>,

    #[command(flatten)]
    connect: Connect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

impl TriggersArgs {
    /// What is to be changed; nothing where it is to be shown.
    fn wanted(&self) -> Map<String, Value> {
        let mut wanted = Map::new();
        if self.no_crons || !self.cron.is_empty() {
            wanted.insert("crons".into(), json!(self.cron));
        }
        if self.no_routes || !self.route.is_empty() || !self.domain.is_empty() {
            let routes = self.route.iter().map(|pattern| json!(pattern));
            let domains = self.domain.iter().map(|host| json!({ "pattern": host, "custom_domain": true }));
            wanted.insert("routes".into(), routes.chain(domains).collect());
        }
        if let Some(switch) = self.preview_urls {
            wanted.insert("preview_urls".into(), (switch == Switch::On).into());
        }
        wanted
    }
}

/// `tabmesh triggers`.
pub(super) async fn run(args: TriggersArgs, out: Out) -> Result<(), CliError> {
    let client = Client::here(&args.connect)?;
    let path = client.handler(&args.handler, &["triggers"])?;
    let wanted = args.wanted();
    let view = match wanted.is_empty() {
        true => client.get(&path).await?,
        false => client.json(client.request(Method::PUT, &path).json(&wanted)).await?,
    };
    if out.json {
        return out.document(&view);
    }
    for line in lines(&view) {
        out.line(&line)?;
    }
    Ok(())
}

/// One a line; a word where there are none.
fn lines(view: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for (key, name, none) in [("crons", "cron", "no cron triggers"), ("routes", "route", "no routes")] {
        let all = view[key].as_array().map(Vec::as_slice).unwrap_or_default();
        lines.extend(all.iter().map(|one| format!("{name:<8} {}", clean(&text(one)))));
        if all.is_empty() {
            lines.push(none.to_owned());
        }
    }
    let previews = if view["preview_urls"] == json!(true) { "on" } else { "off" };
    lines.push(format!("preview URLs {previews}"));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: TriggersArgs,
    }

    fn wanted(args: &[&str]) -> Option<Value> {
        let line = Line::try_parse_from([&["triggers", "shop"], args].concat()).ok()?;
        Some(line.args.wanted().into())
    }

    #[test]
    fn what_is_named_is_changed_and_nothing_else() {
        assert_eq!(wanted(&[]), Some(json!({})));
        assert_eq!(wanted(&["--cron", "* * * * *"]), Some(json!({ "crons": ["* * * * *"] })));
        assert_eq!(
            wanted(&["--no-crons", "--route", "a.b/*", "--domain", "c.d"]),
            Some(json!({ "crons": [], "routes": ["a.b/*", { "pattern": "c.d", "custom_domain": true }] }))
        );
        assert_eq!(
            wanted(&["--no-routes", "--preview-urls", "off"]),
            Some(json!({ "routes": [], "preview_urls": false }))
        );
        assert_eq!(wanted(&["--no-routes", "--domain", "c.d"]), None);
        assert_eq!(wanted(&["--preview-urls", "maybe"]), None);
    }

    #[test]
    fn each_is_a_line() {
        let some = json!({ "crons": ["0 4 * * *"], "routes": ["a.b/*", "c.d/"], "preview_urls": true });
        assert_eq!(
            lines(&some),
            ["cron     0 4 * * *", "route    a.b/*", "route    c.d/", "preview URLs on"]
        );
        let none = json!({ "crons": [], "routes": [], "preview_urls": false });
        assert_eq!(lines(&none), ["no cron triggers", "no routes", "preview URLs off"]);
    }
}
