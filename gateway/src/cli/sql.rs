//! `tabmesh sql`: statements for a handlers' SQL database, one at a time or a file of them.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::ask;
use super::client::Client;
use super::error::CliError;
use super::handlers::{rows, text};
use super::out::{Out, count, size};
use super::sources::Connect;
use super::table::Align::{Left, Right};

/// Largest script, in bytes.
const MAX_SCRIPT: usize = 16 << 20;

/// What `sql` is told.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  tabmesh sql                                         databases there are
  tabmesh sql shop 'SELECT * FROM orders WHERE id = ?' --param 7
  tabmesh sql shop --file migrations/0002.sql
  tabmesh sql shop 'SELECT * FROM orders' --json | jq '.results[0].rows'")]
pub struct SqlArgs {
    /// The database: its name or its id [default: lists those there are]
    database: Option<String>,

    /// Statements, with `;` between them
    #[arg(requires = "database")]
    sql: Option<String>,

    /// File with statements; - for stdin
    #[arg(long, value_name = "FILE", requires = "database", conflicts_with_all = ["sql", "params"])]
    file: Option<PathBuf>,

    /// Value of a `?`, in order; a number, true, false and null are what they look like, all else is text
    #[arg(long = "param", value_name = "VALUE", allow_hyphen_values = true)]
    params: Vec<String>,

    #[command(flatten)]
    connect: Connect,
}

/// `tabmesh sql`.
pub(super) async fn run(args: SqlArgs, out: Out) -> Result<(), CliError> {
    let client = Client::here(&args.connect)?;
    let Some(database) = args.database else { return list(&client, out).await };
    let sql = match (args.sql, args.file) {
        (Some(sql), _) => sql,
        (None, Some(file)) if file.as_os_str() == "-" => script(ask::input(MAX_SCRIPT)?)?,
        (None, Some(file)) => script(std::fs::read(&file).map_err(|error| CliError::file(&file, error))?)?,
        (None, None) => {
            return Err(CliError::usage(
                "there is no statement",
                "tabmesh sql DATABASE 'SELECT 1', or --file FILE",
            ));
        }
    };
    let params: Vec<Value> = args.params.iter().map(|text| param(text)).collect();
    let mut body = json!({ "sql": sql });
    if !params.is_empty() {
        body["params"] = params.into();
    }
    let answer = client.post(&client.path(&["sql", &database, "query"])?, &body).await?;
    if out.json {
        return out.document(&answer);
    }
    let results = answer["results"].as_array().map(Vec::as_slice).unwrap_or_default();
    results.iter().try_for_each(|result| show(result, out))
}

async fn list(client: &Client, out: Out) -> Result<(), CliError> {
    let view = client.get(&client.path(&["sql"])?).await?;
    if out.json {
        return out.document(&view);
    }
    let row = |database: &Value| vec![text(&database["id"]), size(database["size"].as_u64().unwrap_or(0))];
    let none = "no databases: a handler's first statement makes one, or tabmesh sql NAME 'CREATE TABLE ...'";
    out.table(&[("database", Left), ("size", Right)], &rows(&view["databases"], row), none)
}

fn show(result: &Value, out: Out) -> Result<(), CliError> {
    let names: Vec<String> = result["columns"].as_array().into_iter().flatten().map(text).collect();
    let ms = result["duration_ms"].as_f64().unwrap_or(0.0);
    if names.is_empty() {
        return out
            .line(&format!("{} changed, {ms:.1} ms", count(result["changes"].as_u64().unwrap_or(0), "row")));
    }
    let found: Vec<&Value> = result["rows"].as_array().into_iter().flatten().collect();
    let is_number = |column: usize| found.iter().all(|row| row[column].is_number() || row[column].is_null());
    let columns: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(at, name)| (name.as_str(), if !found.is_empty() && is_number(at) { Right } else { Left }))
        .collect();
    let cells = |row: &&Value| row.as_array().into_iter().flatten().map(cell).collect();
    let cells: Vec<Vec<String>> = found.iter().map(cells).collect();
    out.table(&columns, &cells, &format!("no rows ({})", names.join(", ")))?;
    out.line(&format!("{}, {ms:.1} ms", count(found.len() as u64, "row")))
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "NULL".into(),
        other => text(other),
    }
}

/// What stands in a flag, as a value of SQL.
fn param(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value @ (Value::Number(_) | Value::Bool(_) | Value::Null)) => value,
        _ => text.into(),
    }
}

fn script(bytes: Vec<u8>) -> Result<String, CliError> {
    String::from_utf8(bytes)
        .map_err(|_| CliError::usage("the statements are no UTF-8 text", "save the file as UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_what_they_look_like() {
        assert_eq!(
            [param("7"), param("-1.5"), param("null"), param("true")],
            [json!(7), json!(-1.5), Value::Null, json!(true)]
        );
        assert_eq!(
            [param("seven"), param("\"7\""), param("[1]")],
            [json!("seven"), json!("\"7\""), json!("[1]")]
        );
    }
}
