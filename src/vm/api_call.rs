//! One request to the API of a VMM, as it is made and as `info` shows it.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The methods that VMMs' APIs have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Ask.
    Get,
    /// Set or do.
    Put,
    /// Change.
    Patch,
}

impl Method {
    /// As it stands in a request.
    pub fn word(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
        }
    }
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiCall {
    /// Its method.
    pub method: Method,
    /// Its path.
    pub path: String,
    /// Its body; nothing for a GET.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub body: Value,
}

impl ApiCall {
    /// Asks.
    pub fn get(path: &str) -> Self {
        Self::new(Method::Get, path, Value::Null)
    }

    /// Sets or does.
    pub fn put(path: &str, body: Value) -> Self {
        Self::new(Method::Put, path, body)
    }

    /// Changes.
    pub fn patch(path: &str, body: Value) -> Self {
        Self::new(Method::Patch, path, body)
    }

    fn new(method: Method, path: &str, body: Value) -> Self {
        Self {
            method,
            path: path.to_owned(),
            body,
        }
    }
}

/// By what a VMM is started and set up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invocation {
    /// Its command line, program first.
    pub argv: Vec<String>,
    /// The calls of its API, in order; empty for a VMM without one.
    pub api_calls: Vec<ApiCall>,
}

/// As an error names it: method and path, and the action where the path does not tell.
impl fmt::Display for ApiCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method.word(), self.path)?;
        match self.body.get("action_type").and_then(Value::as_str) {
            Some(action) => write!(f, " ({action})"),
            None => Ok(()),
        }
    }
}
