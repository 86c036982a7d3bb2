//! Bodies by the paths of their members.

use serde_json::Value;

/// Every member of a body at any depth, by its path as errors name it.
pub(crate) fn members(body: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    collect(body, "", &mut paths);
    paths
}

fn collect(value: &Value, prefix: &str, paths: &mut Vec<String>) {
    for (name, member) in value.as_object().into_iter().flatten() {
        let path = format!("{prefix}{name}");
        collect(member, &format!("{path}."), paths);
        paths.push(path);
    }
}

/// The member at that path.
pub(crate) fn member<'a>(body: &'a mut Value, path: &str) -> &'a mut Value {
    let pointer = format!("/{}", path.replace('.', "/"));
    body.pointer_mut(&pointer).unwrap()
}

/// The body without the member at that path.
pub(crate) fn without(body: &Value, path: &str) -> Value {
    let mut body = body.clone();
    let (parent, name) = match path.rsplit_once('.') {
        Some((parent, name)) => (member(&mut body, parent), name),
        None => (&mut body, path),
    };
    parent.as_object_mut().unwrap().remove(name).unwrap();
    body
}
