//! The API description as a judge of answers: what it documents, checked against its own schemas.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, LazyLock},
};

use jsonschema::Validator;
use serde_json::{Value, json};

/// What the service serves as its description.
static DESCRIPTION: LazyLock<Description> = LazyLock::new(|| {
    let text = latchkey_http::openapi_document();
    Description::new(serde_json::from_str(&text).unwrap())
});

pub(crate) struct Description {
    document: Value,
    /// Operations by method and path.
    operations: BTreeMap<(String, String), Operation>,
}

struct Operation {
    /// The schema of each documented status, if that answer has a body.
    answers: HashMap<u16, Option<Arc<Validator>>>,
}

/// What the description says of an operation.
pub(crate) struct Described<'description> {
    pub(crate) method: &'description str,
    pub(crate) path: &'description str,
    pub(crate) tag: &'description str,
    /// The schemes that all are asked for.
    pub(crate) security: BTreeSet<&'description str>,
    /// Of the body, if it takes one; deprecated ones are left out.
    pub(crate) members: Option<Members>,
}

/// Members of a body by their path, and whether each is required where it may be.
pub(crate) type Members = BTreeMap<String, bool>;

/// An example in the description, and the schema it is an example of.
pub(crate) struct Example<'description> {
    /// The operation and which of its bodies.
    pub(crate) name: String,
    pub(crate) value: &'description Value,
    schema: Arc<Validator>,
}

impl Example<'_> {
    /// Requires that it is what it is an example of.
    pub(crate) fn check(&self) {
        conform(&self.schema, self.value, &self.name);
    }
}

impl Description {
    /// That of the service.
    pub(crate) fn served() -> &'static Self {
        &DESCRIPTION
    }

    fn new(document: Value) -> Self {
        let mut schemas = Schemas {
            components: document["components"].clone(),
            known: HashMap::new(),
        };
        let mut operations = BTreeMap::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let answers = operation["responses"].as_object().unwrap().iter();
                let answers = answers.map(|(status, answer)| {
                    let schema = schema(answer).map(|schema| schemas.validator(schema));
                    (status.parse().unwrap(), schema)
                });
                let answers = answers.collect();
                let key = (method.to_uppercase(), path.clone());
                operations.insert(key, Operation { answers });
            }
        }
        Self {
            document,
            operations,
        }
    }

    /// Requires that an answer to `method path` is a documented one. Paths and methods that are not
    /// offered have none.
    pub(crate) fn require(&self, method: &str, path: &str, status: u16, body: &Value) {
        let Some(((_, template), operation)) = self.operation(method, path) else {
            return;
        };
        let call = format!("{method} {template}: {status}");
        let Some(schema) = operation.answers.get(&status) else {
            panic!("{call} is not documented: {body}");
        };
        if let Some(schema) = schema {
            conform(schema, body, &call);
        }
    }

    /// The members of the query that an operation knows, with an example of each.
    pub(crate) fn query_of(&self, id: &str) -> Vec<(&str, String)> {
        let is_it = |operation: &&Value| operation["operationId"] == id;
        let operations = self
            .operations
            .keys()
            .map(|(method, path)| &self.document["paths"][path][method.to_lowercase()]);
        let parameters = operations
            .filter(is_it)
            .flat_map(|operation| operation["parameters"].as_array().into_iter().flatten());
        parameters
            .filter(|parameter| parameter["in"] == "query")
            .map(|parameter| {
                let example = &parameter["example"];
                let text = example.as_str().map(str::to_owned);
                let text = text.unwrap_or_else(|| example.to_string());
                (parameter["name"].as_str().unwrap(), text)
            })
            .collect()
    }

    /// Every operation, by its id.
    pub(crate) fn operations(&self) -> BTreeMap<&str, Described<'_>> {
        let described = self.operations.keys().map(|(method, path)| {
            let operation = &self.document["paths"][path][method.to_lowercase()];
            let security = operation["security"].as_array().into_iter().flatten();
            let described = Described {
                method,
                path,
                tag: operation["tags"][0].as_str().unwrap(),
                security: security
                    .flat_map(|scheme| scheme.as_object().unwrap().keys())
                    .map(String::as_str)
                    .collect(),
                members: schema(&operation["requestBody"]).map(|body| {
                    let mut members = BTreeMap::new();
                    self.collect_members(body, "", &mut members);
                    members
                }),
            };
            (operation["operationId"].as_str().unwrap(), described)
        });
        described.collect()
    }

    fn collect_members(&self, schema: &Value, prefix: &str, members: &mut Members) {
        let schema = self.resolved(schema);
        let is_required = |name: &str| {
            let required = schema["required"].as_array();
            required.is_some_and(|names| names.iter().any(|required| required == name))
        };
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{prefix}{name}");
            self.collect_members(member, &format!("{path}."), members);
            if member["deprecated"] != true {
                members.insert(path, is_required(name));
            }
        }
    }

    /// What a schema refers to, alone or as something that may be null.
    fn resolved<'description>(
        &'description self,
        schema: &'description Value,
    ) -> &'description Value {
        let alternatives = schema["oneOf"].as_array();
        let schema = alternatives.map_or(schema, |schemas| &schemas[0]);
        match schema["$ref"].as_str() {
            Some(reference) => {
                let name = reference.rsplit('/').next().unwrap();
                self.resolved(&self.document["components"]["schemas"][name])
            }
            None => schema,
        }
    }

    /// A path without parameters wins over one with.
    fn operation(&self, method: &str, path: &str) -> Option<(&(String, String), &Operation)> {
        let is_literal = self.operations.keys().any(|(_, template)| template == path);
        self.operations.iter().find(|((wanted, template), _)| {
            wanted == method && (template == path || !is_literal && matches(template, path))
        })
    }

    /// An example of every body that is asked for or given, wherever the description has one.
    ///
    /// # Panics
    /// When a body has none.
    pub(crate) fn examples(&self) -> Vec<Example<'_>> {
        let mut schemas = Schemas {
            components: self.document["components"].clone(),
            known: HashMap::new(),
        };
        let mut examples = Vec::new();
        for (method, path) in self.operations.keys() {
            let operation = &self.document["paths"][path][method.to_lowercase()];
            let bodies = [
                ("request", &operation["requestBody"]),
                ("answer", &operation["responses"]["200"]),
            ];
            for (which, body) in bodies {
                let Some(schema) = schema(body).filter(|schema| is_described(schema)) else {
                    continue;
                };
                let name = format!("{method} {path}: the {which}");
                let value = self.example(body);
                examples.push(Example {
                    value: value.unwrap_or_else(|| panic!("{name} has no example")),
                    schema: schemas.validator(schema),
                    name,
                });
            }
        }
        examples
    }

    /// The example of a body itself, or that of its schema.
    fn example<'description>(
        &'description self,
        body: &'description Value,
    ) -> Option<&'description Value> {
        let own = content(body)?.get("example");
        own.or_else(|| {
            let name = schema(body)?["$ref"].as_str()?.rsplit('/').next()?;
            self.document["components"]["schemas"][name].get("example")
        })
    }
}

/// Validators by the text of their schema: many answers share one.
struct Schemas {
    components: Value,
    known: HashMap<String, Arc<Validator>>,
}

impl Schemas {
    fn validator(&mut self, schema: &Value) -> Arc<Validator> {
        let known = self.known.entry(schema.to_string()).or_insert_with(|| {
            let whole = json!({ "allOf": [schema], "components": self.components });
            Arc::new(jsonschema::validator_for(&whole).unwrap())
        });
        known.clone()
    }
}

/// The one content of a body.
fn content(body: &Value) -> Option<&Value> {
    body["content"].as_object()?.values().next()
}

fn schema(body: &Value) -> Option<&Value> {
    content(body)?.get("schema")
}

/// Whether the schema says anything: that of the description itself does not.
fn is_described(schema: &Value) -> bool {
    schema
        .as_object()
        .is_some_and(|members| !members.is_empty())
}

/// Whether a path is one of a template like `/auth/credentials/{credentialUuid}`.
fn matches(template: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) if wanted.starts_with('{') || wanted == given => {}
            _ => return false,
        }
    }
}

fn conform(schema: &Validator, value: &Value, what: &str) {
    let errors: Vec<_> = schema
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{what}: {errors:?} in {value}");
}
