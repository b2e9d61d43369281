//! The gateway's no, as a sentence and what to do about it. Pure.

use serde_json::Value;

use super::error::CliError;
use super::settings::Origin;
use super::table::clean_lines;

/// An answer that is no success.
#[derive(Clone, Debug, Default)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// The problem document, or `null`.
    pub(super) body: Value,
    /// What was asked for.
    pub(super) path: String,
    /// Names of handlers that may have been meant.
    pub(super) near: Vec<String>,
}

impl Refusal {
    /// The last part of the problem's type.
    pub(super) fn kind(&self) -> Option<&str> {
        self.body["type"].as_str()?.strip_prefix(crate::problem::TYPE_PREFIX)
    }
}

/// The error of a refusal. `has_token` says whether one was sent, `withheld` where one stands that was not.
pub(super) fn refused(refusal: &Refusal, has_token: bool, withheld: Option<&Origin>) -> CliError {
    let body = &refusal.body;
    let text = |key: &str| body[key].as_str().map(clean_lines);
    let status = refusal.status;
    let mut message =
        text("detail").or_else(|| text("title")).unwrap_or_else(|| format!("the gateway answered {status}"));
    let action = text("action").unwrap_or_else(|| "ACTION".into());
    let mut hint = match (status, has_token, withheld) {
        (401, false, Some(origin)) => Some(format!(
            "the token in {origin} is for another gateway; name this one beside it, or set TABMESH_TOKEN"
        )),
        (401, false, None) => Some(
            "set TABMESH_TOKEN, or name a file with --token-file. The operator's own is in the file admin-token of the gateway's \
             data folder; others are made with `tabmesh token create`"
                .into(),
        ),
        (401, true, _) => {
            Some("the token may have expired or been revoked; `tabmesh config` says where it comes from".into())
        }
        (403, true, _) => {
            Some(format!("ask for a token that may: tabmesh token create NAME --actions {action}"))
        }
        // Where a resource is missing, the gateway says which.
        (404, ..) if refusal.kind() == Some("not-found") && body["detail"].is_null() => {
            Some("the gateway may be older than this command: compare `tabmesh status` with `tabmesh --version`".into())
        }
        (429, ..) => text("retry_after").map(|after| format!("try again in {after} s")),
        _ => None,
    };
    if refusal.kind() == Some("handler-not-found") {
        let name = refusal.path.split("/handlers/").nth(1).and_then(|rest| rest.split('/').next());
        if let Some(name) = name {
            message = format!("there is no handler `{}`", clean_lines(name));
        }
        let names: Vec<String> = refusal.near.iter().map(|name| format!("`{}`", clean_lines(name))).collect();
        hint = Some(match names.as_slice() {
            [] => "`tabmesh list` shows those there are".into(),
            names => format!("did you mean {}?", names.join(" or ")),
        });
    }
    CliError::Refused {
        message,
        frame: None,
        hint: text("hint").or(hint),
        status,
        kind: refusal.kind().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(status: u16, body: Value, has_token: bool) -> String {
        let path = "/_mesh/v1/handlers/helo/versions".to_owned();
        let near = vec!["hello".to_owned()];
        refused(&Refusal { status, body, path, near }, has_token, None).to_text()
    }

    #[test]
    fn refusals_say_what_to_do() {
        let kind = |slug: &str| format!("urn:tabmesh:problem:{slug}");
        insta::assert_snapshot!(said(404, json!({ "type": kind("handler-not-found"), "title": "No such handler" }), true), @r"
        error: there is no handler `helo`
        hint: did you mean `hello`?
        ");
        assert!(said(401, json!({ "title": "Unauthorized" }), false).contains("hint: set TABMESH_TOKEN"));
        assert!(said(401, json!({}), true).contains("expired or been revoked"));
        let forbidden = said(403, json!({ "detail": "No.", "action": "deploy" }), true);
        assert!(
            forbidden.starts_with("error: No.\nhint: ") && forbidden.contains("--actions deploy"),
            "{forbidden}"
        );
        let own = said(409, json!({ "detail": "The route is taken.", "hint": "take another" }), true);
        assert_eq!(own, "error: The route is taken.\nhint: take another\n");
        assert_eq!(said(502, Value::Null, false), "error: the gateway answered 502\n");
    }

    #[test]
    fn a_token_that_was_not_sent_is_named() {
        let origin = Origin::File("/home/me/config.toml".into(), None);
        let error = refused(&Refusal { status: 401, ..Refusal::default() }, false, Some(&origin));
        assert!(error.hint().unwrap().contains("/home/me/config.toml"), "{error}");
    }

    #[test]
    fn the_gateway_writes_no_orders_to_the_terminal() {
        assert_eq!(said(400, json!({ "detail": "a\u{1b}[2Jb" }), true), "error: ab\n");
    }
}
