//! The API reference: the description of the API as a page, written once, at the start. It needs no script,
//! so it keeps to the policy of all pages, and no viewer, which would be larger than all of them together.

use std::fmt::Write as _;

use latchkey_domain::application::pages::PagePrefix;
use serde_json::Value;

use crate::{escaped::escaped, html::Document};

/// How deep in a body its members are told. What is deeper is in the example.
const DEPTH: u8 = 4;

/// The page of a description, among the pages below that prefix.
pub(crate) fn page(prefix: &PagePrefix, description: &str) -> String {
    let description: Value = serde_json::from_str(description).unwrap_or_default();
    let mut main = String::new();
    Reference(&description).write(&mut main);
    Document {
        class: "reference",
        ..Document::new(prefix, "API reference", &main)
    }
    .html()
}

#[derive(Clone, Copy)]
struct Reference<'a>(&'a Value);

/// One call.
#[derive(Clone, Copy)]
struct Call<'a> {
    method: &'a str,
    path: &'a str,
    told: &'a Value,
}

/// A member of a body.
struct Member<'a> {
    name: &'a str,
    schema: &'a Value,
    is_required: bool,
}

impl<'a> Reference<'a> {
    fn write(self, out: &mut String) {
        out.push_str("      <h1>API reference</h1>\n");
        out.push_str(&prose(text(member(self.0, "info"), "description")));
        for server in elements(self.0, "servers") {
            let url = code(text(server, "url"));
            let _ = writeln!(out, "<p>The address of this service is {url}.</p>");
        }
        out.push_str(
            "<p>For programs: <a href=\"/openapi.json\">the same as an OpenAPI description</a>. Every \
             refusal has <a href=\"#errors\">one body</a>, whose code says what to do.</p>\n",
        );
        let calls = self.calls();
        out.push_str("<nav aria-labelledby=\"calls\">\n<h2 id=\"calls\">Calls</h2>\n");
        for (tag, _) in self.tags() {
            let _ = writeln!(out, "<h3>{}</h3>\n<ul>", escaped(tag));
            for call in calls.iter().filter(|call| call.is_of(tag)) {
                let (id, title) = (call.text("operationId"), call.text("summary"));
                let (id, title) = (escaped(id), escaped(title));
                let _ = writeln!(
                    out,
                    "<li><a href=\"#{id}\">{title}</a> <span class=\"hint\"><code>{} {}</code></span></li>",
                    call.method.to_uppercase(),
                    escaped(call.path)
                );
            }
            out.push_str("</ul>\n");
        }
        out.push_str("</nav>\n");
        for (tag, description) in self.tags() {
            let _ = writeln!(out, "<h2>{}</h2>", escaped(tag));
            out.push_str(&prose(description));
            for call in calls.iter().filter(|call| call.is_of(tag)) {
                self.write_call(*call, out);
            }
        }
        out.push_str("<h2 id=\"errors\">Errors</h2>\n");
        if let Some(body) = self.component("ErrorBody") {
            self.write_body(body, None, out);
        }
    }

    /// The groups of calls, with what is said of each.
    fn tags(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        elements(self.0, "tags").map(|tag| (text(tag, "name"), text(tag, "description")))
    }

    /// By path, and what begins a ceremony before what completes it.
    fn calls(self) -> Vec<Call<'a>> {
        let paths = members(self.0, "paths");
        let mut calls: Vec<_> = paths
            .flat_map(|(path, methods)| {
                let methods = methods.as_object().into_iter().flatten();
                methods.map(move |(method, told)| Call { method, path, told })
            })
            .collect();
        calls.sort_by_key(|call| {
            let begins = call.path.strip_suffix("/init");
            (begins.unwrap_or(call.path), begins.is_none())
        });
        calls
    }

    fn write_call(self, call: Call<'a>, out: &mut String) {
        let id = escaped(call.text("operationId"));
        let _ = writeln!(
            out,
            "<section class=\"operation\" aria-labelledby=\"{id}\">\n<h3 id=\"{id}\">{}</h3>\n\
             <p class=\"call\"><code><span class=\"method\">{}</span> {}</code></p>",
            escaped(call.text("summary")),
            call.method.to_uppercase(),
            escaped(call.path)
        );
        out.push_str(&prose(call.text("description")));
        let needs: Vec<_> = elements(call.told, "security")
            .flat_map(|schemes| schemes.as_object().into_iter().flatten())
            .map(|(scheme, _)| self.scheme(scheme))
            .collect();
        if !needs.is_empty() {
            out.push_str("<h4>Needs</h4>\n<ul>\n");
            for need in needs {
                let _ = writeln!(out, "<li>{need}</li>");
            }
            out.push_str("</ul>\n");
        }
        let mut parameters = elements(call.told, "parameters").peekable();
        if parameters.peek().is_some() {
            out.push_str("<h4>Parameters</h4>\n<dl class=\"members\">\n");
            for parameter in parameters {
                self.write_parameter(parameter, out);
            }
            out.push_str("</dl>\n");
        }
        if let Some((schema, example)) = body(member(call.told, "requestBody")) {
            out.push_str("<h4>Body</h4>\n");
            self.write_body(schema, example, out);
        }
        out.push_str("<h4>Answers</h4>\n");
        for (status, answer) in members(call.told, "responses") {
            self.write_answer(status, answer, out);
        }
        out.push_str("</section>\n");
    }

    fn scheme(self, name: &str) -> String {
        let components = member(self.0, "components");
        let scheme = member(member(components, "securitySchemes"), name);
        let told = inline(text(scheme, "description"));
        let header = text(scheme, "name");
        let header = if header.is_empty() {
            "Authorization: Bearer"
        } else {
            header
        };
        format!("{}: {told}", code(header))
    }

    fn write_parameter(self, parameter: &'a Value, out: &mut String) {
        let is_required = member(parameter, "required") == true;
        let (place, kind) = (
            text(parameter, "in"),
            self.kind(member(parameter, "schema")),
        );
        let need = if is_required { "required" } else { "optional" };
        let _ = writeln!(
            out,
            "<div><dt>{} <span class=\"hint\">{}, {}, {need}</span></dt><dd>{}</dd></div>",
            code(text(parameter, "name")),
            escaped(place),
            escaped(&kind),
            prose(text(parameter, "description"))
        );
    }

    /// A success in full; of a refusal what it is for, since all have one body.
    fn write_answer(self, status: &str, answer: &'a Value, out: &mut String) {
        let told = text(answer, "description");
        if status.starts_with('2') {
            let _ = writeln!(out, "<p>{}: {}</p>", code(status), inline(told));
            if let Some((schema, example)) = body(answer) {
                self.write_body(schema, example, out);
            }
        } else {
            let _ = writeln!(
                out,
                "<details><summary>{}</summary>\n{}</details>",
                code(status),
                prose(told)
            );
        }
    }

    fn write_body(self, schema: &'a Value, example: Option<&'a Value>, out: &mut String) {
        self.write_members(schema, DEPTH, out);
        let example = example.or_else(|| self.resolved(schema).get("example"));
        if let Some(example) = example {
            let _ = writeln!(
                out,
                "<details><summary>Example</summary>\n<pre tabindex=\"0\"><code>{}</code></pre></details>",
                escaped(&format!("{example:#}"))
            );
        }
    }

    fn write_members(self, schema: &'a Value, depth: u8, out: &mut String) {
        let members = self.members(schema);
        if members.is_empty() {
            return;
        }
        out.push_str("<dl class=\"members\">\n");
        for Member {
            name,
            schema,
            is_required,
        } in members
        {
            let mut kind = self.kind(schema);
            if is_required {
                kind.push_str(", required");
            }
            if member(schema, "deprecated") == true {
                kind.push_str(", deprecated");
            }
            let _ = write!(
                out,
                "<div><dt>{} <span class=\"hint\">{}</span></dt><dd>",
                code(name),
                escaped(&kind)
            );
            out.push_str(&prose(description(schema)));
            let values: Vec<_> = elements(self.resolved(schema), "enum")
                .map(|value| code(value.as_str().unwrap_or_default()))
                .collect();
            if !values.is_empty() {
                let _ = write!(out, "<p>One of {}.</p>", values.join(", "));
            }
            if depth > 0 {
                self.write_members(schema, depth - 1, out);
            }
            out.push_str("</dd></div>\n");
        }
        out.push_str("</dl>\n");
    }

    /// The members of an object, or of the objects in a list.
    fn members(self, schema: &'a Value) -> Vec<Member<'a>> {
        let schema = self.resolved(schema);
        if let Some(items) = schema.get("items") {
            return self.members(items);
        }
        let required: Vec<_> = elements(schema, "required")
            .filter_map(Value::as_str)
            .collect();
        let own = members(schema, "properties").map(|(name, schema)| Member {
            name,
            schema,
            is_required: required.contains(&name),
        });
        elements(schema, "allOf")
            .flat_map(|part| self.members(part))
            .chain(own)
            .collect()
    }

    /// What kind of value it is, in words.
    fn kind(self, schema: &'a Value) -> String {
        let schema = self.resolved(schema);
        let alternatives: Vec<_> = of_alternatives(schema)
            .map(|schema| self.kind(schema))
            .collect();
        if !alternatives.is_empty() {
            return alternatives.join(" or ");
        }
        if let Some(items) = schema.get("items") {
            return format!("list of {}s", self.kind(items));
        }
        let of_type = member(schema, "type");
        let several = of_type.as_array().into_iter().flatten();
        let names: Vec<_> = several
            .chain([of_type])
            .filter_map(Value::as_str)
            .filter(|name| *name != "null")
            .collect();
        if names.is_empty() {
            return if schema.get("allOf").is_some() {
                "object".to_owned()
            } else {
                "any value".to_owned()
            };
        }
        names.join(" or ")
    }

    /// What a schema refers to, alone or as the one thing that may be null.
    fn resolved(self, schema: &'a Value) -> &'a Value {
        let mut schema = schema;
        // Nothing refers to itself alone, so this is more than enough.
        for _ in 0..8 {
            let mut alternatives = of_alternatives(schema);
            let only = match (alternatives.next(), alternatives.next()) {
                (Some(only), None) => Some(only),
                _ => None,
            };
            let name = text(schema, "$ref").rsplit('/').next().unwrap_or_default();
            match only.or_else(|| self.component(name)) {
                Some(next) => schema = next,
                None => break,
            }
        }
        schema
    }

    fn component(self, name: &str) -> Option<&'a Value> {
        member(member(self.0, "components"), "schemas").get(name)
    }
}

impl<'a> Call<'a> {
    fn text(self, name: &str) -> &'a str {
        text(self.told, name)
    }

    fn is_of(self, tag: &str) -> bool {
        elements(self.told, "tags").any(|own| own == tag)
    }
}

/// The schemas of which one holds, without that of nothing.
fn of_alternatives(schema: &Value) -> impl Iterator<Item = &Value> {
    elements(schema, "oneOf").filter(|schema| text(schema, "type") != "null")
}

/// What is said of a member, at its place or at that of what it may be.
fn description(schema: &Value) -> &str {
    let own = text(schema, "description");
    if own.is_empty() {
        of_alternatives(schema)
            .map(|schema| text(schema, "description"))
            .find(|told| !told.is_empty())
            .unwrap_or_default()
    } else {
        own
    }
}

/// The schema of a body, and an example if there is one beside it.
fn body(of: &Value) -> Option<(&Value, Option<&Value>)> {
    let (_, content) = members(of, "content").next()?;
    Some((content.get("schema")?, content.get("example")))
}

fn member<'a>(value: &'a Value, name: &str) -> &'a Value {
    value.get(name).unwrap_or(&Value::Null)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    member(value, name).as_str().unwrap_or_default()
}

fn elements<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    member(value, name).as_array().into_iter().flatten()
}

fn members<'a>(
    value: &'a Value,
    name: &str,
) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
    let members = member(value, name).as_object().into_iter().flatten();
    members.map(|(name, value)| (name.as_str(), value))
}

fn code(text: &str) -> String {
    format!("<code>{}</code>", escaped(text))
}

/// Paragraphs and lists, as descriptions have them.
fn prose(text: &str) -> String {
    let mut html = String::new();
    for paragraph in text.split("\n\n").filter(|text| !text.trim().is_empty()) {
        if let Some(list) = paragraph.strip_prefix("* ") {
            html.push_str("<ul>\n");
            for item in list.split("\n* ") {
                let _ = writeln!(html, "<li>{}</li>", inline(item));
            }
            html.push_str("</ul>\n");
        } else {
            let _ = writeln!(html, "<p>{}</p>", inline(paragraph));
        }
    }
    html
}

/// A text with what stands between backticks as code.
fn inline(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts
        .map(|(number, part)| {
            if number % 2 == 1 {
                code(part)
            } else {
                escaped(part)
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told() -> String {
        let member = |kind: Value| json!({ "type": kind, "description": "Of <b>`it`</b>." });
        page(
            &PagePrefix::default(),
            &json!({
                "info": { "description": "One.\n\nTwo, with `code`." },
                "servers": [{ "url": "https://auth.example.com" }],
                "tags": [{ "name": "Login", "description": "Sessions." }],
                "paths": { "/login/{id}": { "post": {
                    "operationId": "login",
                    "summary": "Sign in",
                    "description": "Signs & seals.",
                    "tags": ["Login"],
                    "security": [{ "bearer": [], "userAction": [] }],
                    "parameters": [{
                        "name": "id", "in": "path", "required": true,
                        "schema": { "type": "string" }, "description": "Which."
                    }],
                    "requestBody": { "content": { "application/json": {
                        "schema": { "oneOf": [
                            { "type": "null" },
                            { "$ref": "#/components/schemas/Body" }
                        ] },
                        "example": { "name": "</pre>" }
                    } } },
                    "responses": {
                        "200": { "description": "Done", "content": { "application/json": {
                            "schema": { "$ref": "#/components/schemas/Tree" }
                        } } },
                        "403": { "description": "* `one`: first\n* `two`: second" }
                    }
                } } },
                "components": {
                    "securitySchemes": {
                        "bearer": { "type": "http", "description": "The token." },
                        "userAction": { "name": "X-ACTION", "description": "The action." }
                    },
                    "schemas": {
                        "Body": { "allOf": [
                            { "type": "object", "required": ["name"], "properties": {
                                "name": member(json!("string")),
                                "old": { "type": "string", "deprecated": true }
                            } },
                            { "type": "object", "properties": {
                                "maybe": member(json!(["integer", "null"])),
                                "kind": { "type": "string", "enum": ["a", "b"] }
                            } }
                        ] },
                        "Tree": { "type": "object", "properties": { "children": {
                            "type": "array", "items": { "$ref": "#/components/schemas/Tree" }
                        } } },
                        "ErrorBody": { "type": "object", "properties": {
                            "message": member(json!("string"))
                        } }
                    }
                }
            })
            .to_string(),
        )
    }

    #[test]
    fn it_tells_what_the_description_says() {
        let told = told();
        for wanted in [
            "<h1>API reference</h1>",
            "<p>Two, with <code>code</code>.</p>",
            "<code>https://auth.example.com</code>",
            "<a href=\"#login\">Sign in</a>",
            "<h3 id=\"login\">Sign in</h3>",
            "<span class=\"method\">POST</span> /login/{id}",
            "Signs &amp; seals.",
            "<code>Authorization: Bearer</code>: The token.",
            "<code>X-ACTION</code>: The action.",
            "<code>id</code> <span class=\"hint\">path, string, required</span>",
            "<code>name</code> <span class=\"hint\">string, required</span>",
            "<code>old</code> <span class=\"hint\">string, deprecated</span>",
            "<code>maybe</code> <span class=\"hint\">integer</span>",
            "<p>One of <code>a</code>, <code>b</code>.</p>",
            "<code>children</code> <span class=\"hint\">list of objects</span>",
            "<li><code>one</code>: first</li>",
            "<h2 id=\"errors\">Errors</h2>",
        ] {
            assert!(told.contains(wanted), "{wanted} is not in {told}");
        }
    }

    #[test]
    fn no_description_can_leave_its_place() {
        let told = told();
        assert!(
            told.contains("Of &lt;b&gt;<code>it</code>&lt;/b&gt;."),
            "{told}"
        );
        assert_eq!(told.matches("</pre>").count(), 1, "{told}");
    }

    #[test]
    fn what_begins_a_ceremony_is_told_before_what_completes_it() {
        let call = |id: &str| json!({ "operationId": id, "tags": ["Login"] });
        let told = page(
            &PagePrefix::default(),
            &json!({
                "tags": [{ "name": "Login" }],
                "paths": {
                    "/login": { "post": call("complete") },
                    "/login/code": { "post": call("code") },
                    "/login/init": { "post": call("begin") },
                    "/logout": { "put": call("end") }
                }
            })
            .to_string(),
        );
        let ids = told.split("<h3 id=\"").skip(1);
        let ids: Vec<_> = ids.filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(ids, ["begin", "complete", "code", "end"]);
    }

    #[test]
    fn what_refers_to_itself_ends() {
        let told = told();
        let depth = told.matches("<code>children</code>").count();
        assert_eq!(depth, usize::from(DEPTH) + 1);
    }

    #[test]
    fn no_description_is_no_defect() {
        assert!(page(&PagePrefix::default(), "").contains("<h1>API reference</h1>"));
    }
}
