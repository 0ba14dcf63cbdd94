//! JSON whose members keep the order they were put in, so that columns are described in the order they were declared.

use std::fmt;

use serde_json::Value;

/// A JSON value.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// Anything whose order does not matter.
    Leaf(Value),
    /// A list.
    List(Vec<Node>),
    /// An object.
    Object(Object),
}

/// An object: members in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Object(Vec<(String, Node)>);

impl Object {
    /// An object without members.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// The object with one more member. Names are not compared: whoever builds it gives each once.
    #[must_use]
    pub(super) fn with(mut self, name: impl Into<String>, node: impl Into<Node>) -> Self {
        self.put(name, node);
        self
    }

    /// The object with one more member if there is a value.
    #[must_use]
    pub(super) fn maybe(self, name: &str, node: Option<impl Into<Node>>) -> Self {
        match node {
            Some(node) => self.with(name, node),
            None => self,
        }
    }

    /// Adds a member.
    pub(super) fn put(&mut self, name: impl Into<String>, node: impl Into<Node>) {
        self.0.push((name.into(), node.into()));
    }

    /// Are there no members.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Leaves only members whose name passes.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.0.retain(|(name, _)| keep(name));
    }
}

impl From<Value> for Node {
    fn from(value: Value) -> Self {
        Self::Leaf(value)
    }
}

impl From<&str> for Node {
    fn from(text: &str) -> Self {
        Self::Leaf(Value::from(text))
    }
}

impl From<String> for Node {
    fn from(text: String) -> Self {
        Self::Leaf(Value::from(text))
    }
}

impl From<Object> for Node {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}

impl<N: Into<Self>> From<Vec<N>> for Node {
    fn from(list: Vec<N>) -> Self {
        Self::List(list.into_iter().map(Into::into).collect())
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaf(value) => write!(f, "{value}"),
            Self::List(list) => {
                f.write_str("[")?;
                for (at, node) in list.iter().enumerate() {
                    f.write_str(if at == 0 { "" } else { "," })?;
                    write!(f, "{node}")?;
                }
                f.write_str("]")
            }
            Self::Object(object) => write!(f, "{object}"),
        }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (at, (name, node)) in self.0.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { "," })?;
            write!(f, "{}:{node}", Value::from(name.as_str()))?;
        }
        f.write_str("}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_written_in_the_order_they_came() {
        let mut object = Object::new().with("b", 1.to_string()).with("a\"", json!([1, null])).maybe("c", None::<Node>);
        object.put("list", vec![Object::new().with("x", "y"), Object::new()]);
        assert_eq!(object.to_string(), r#"{"b":"1","a\"":[1,null],"list":[{"x":"y"},{}]}"#);
        object.retain(|name| name != "b");
        assert_eq!(object.to_string(), r#"{"a\"":[1,null],"list":[{"x":"y"},{}]}"#);
        assert!(Object::new().is_empty());
    }
}
