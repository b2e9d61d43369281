//! Configuration files as one kind of tree, whatever their syntax, in which every value knows its line.

use jsonc_parser::ast;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use toml::de::{DeTable, DeValue};

/// A value and the line of its key, from 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) line: u32,
    pub(super) value: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// Anything but the two below.
    Plain(serde_json::Value),
    List(Vec<Node>),
    /// In the order of the file where its parser keeps it.
    Table(Vec<(String, Node)>),
}

/// Why a file cannot be read, with its line and column.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Unreadable {
    pub(super) offset: usize,
    pub(super) message: String,
}

impl Node {
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Table(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, node)| node),
            _ => None,
        }
    }

    pub(super) fn entries(&self) -> &[(String, Node)] {
        if let Value::Table(entries) = &self.value { entries } else { &[] }
    }

    /// The elements of a list; of anything else itself, for tables that may stand for a list of one.
    pub(super) fn items(&self) -> Vec<&Node> {
        match &self.value {
            Value::List(items) => items.iter().collect(),
            _ => vec![self],
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        if let Value::Plain(value) = &self.value { value.as_str() } else { None }
    }

    /// Whether it says nothing: `[]`, `{}`, `false`, `""`, `null`.
    pub(super) fn is_empty(&self) -> bool {
        match &self.value {
            Value::Plain(value) => {
                matches!(value, serde_json::Value::Null | serde_json::Value::Bool(false)) || value == ""
            }
            Value::List(items) => items.is_empty(),
            Value::Table(entries) => entries.is_empty(),
        }
    }

    pub(super) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Plain(value) => value.clone(),
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Table(entries) => entries
                .iter()
                .map(|(name, node)| (name.clone(), node.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
}

pub(super) fn line_at(text: &str, offset: usize) -> u32 {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    u32::try_from(before.iter().filter(|byte| **byte == b'\n').count() + 1).unwrap_or(u32::MAX)
}

/// Reads TOML.
pub(super) fn toml(text: &str) -> Result<Node, Unreadable> {
    let table = DeTable::parse(text).map_err(|error| Unreadable {
        offset: error.span().map_or(0, |span| span.start),
        message: error.message().to_owned(),
    })?;
    Ok(Node { line: 1, value: toml_table(text, table.get_ref()) })
}

fn toml_table(text: &str, table: &DeTable<'_>) -> Value {
    let mut entries: Vec<_> = table
        .iter()
        .map(|(key, value)| {
            let line = line_at(text, key.span().start);
            (line, key.get_ref().to_string(), Node { line, value: toml_value(text, value.get_ref()) })
        })
        .collect();
    entries.sort_by_key(|(line, ..)| *line);
    Value::Table(entries.into_iter().map(|(_, key, node)| (key, node)).collect())
}

fn toml_value(text: &str, value: &DeValue<'_>) -> Value {
    Value::Plain(match value {
        DeValue::String(value) => value.to_string().into(),
        DeValue::Integer(value) => i64::from_str_radix(value.as_str(), value.radix())
            .map_or_else(|_| value.as_str().into(), Into::into),
        DeValue::Float(value) => {
            value.as_str().parse::<f64>().map_or_else(|_| value.as_str().into(), Into::into)
        }
        DeValue::Boolean(value) => (*value).into(),
        DeValue::Datetime(value) => value.to_string().into(),
        DeValue::Array(items) => {
            let node = |item: &toml::Spanned<DeValue<'_>>| Node {
                line: line_at(text, item.span().start),
                value: toml_value(text, item.get_ref()),
            };
            return Value::List(items.iter().map(node).collect());
        }
        DeValue::Table(table) => return toml_table(text, table),
    })
}

/// Reads JSON with comments and commas at the ends of lists.
pub(super) fn jsonc(text: &str) -> Result<Node, Unreadable> {
    let options = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let parsed = parse_to_ast(text, &CollectOptions::default(), &options)
        .map_err(|error| Unreadable { offset: error.range().start, message: error.kind().to_string() })?;
    let value = parsed.value.ok_or_else(|| Unreadable { offset: 0, message: "the file is empty".into() })?;
    Ok(Node { line: 1, value: json_value(text, &value) })
}

fn json_value(text: &str, value: &ast::Value<'_>) -> Value {
    Value::Plain(match value {
        ast::Value::StringLit(value) => value.value.as_ref().into(),
        ast::Value::NumberLit(value) => {
            serde_json::from_str(value.value).unwrap_or_else(|_| value.value.into())
        }
        ast::Value::BooleanLit(value) => value.value.into(),
        ast::Value::NullKeyword(_) => serde_json::Value::Null,
        ast::Value::Array(array) => {
            let node = |item: &ast::Value<'_>| Node {
                line: line_at(text, jsonc_parser::common::Ranged::range(item).start),
                value: json_value(text, item),
            };
            return Value::List(array.elements.iter().map(node).collect());
        }
        ast::Value::Object(object) => {
            let entry = |property: &ast::ObjectProp<'_>| {
                let line = line_at(text, property.range.start);
                let node = Node { line, value: json_value(text, &property.value) };
                (property.name.as_str().to_owned(), node)
            };
            return Value::Table(object.properties.iter().map(entry).collect());
        }
    })
}
