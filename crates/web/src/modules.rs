//! The modules of a page: what its script imports, and what that imports in turn.

use std::collections::BTreeSet;

use crate::assets;

/// How a page names its script; what stands in it from there to the quote is below `./assets`.
const SCRIPT: &str = "<script type=\"module\" src=\"./assets";

/// How a module names another one.
const IMPORT: &str = " from '";

/// The page, asking for all its modules at once: each import is known only when what has it is there, and a browser
/// would wait for one after the other.
pub(crate) fn preloaded_by(page: &str) -> String {
    let Some((before, after)) = page.split_once(SCRIPT) else {
        return page.to_owned();
    };
    let script = after.split('"').next().unwrap_or_default();
    let links = imported_by(script)
        .into_iter()
        .map(|module| format!("<link rel=\"modulepreload\" href=\"./assets{module}\">\n    "));
    let links: String = links.collect();
    format!("{before}{links}{SCRIPT}{after}")
}

/// All that a script below `/assets` imports, one by the other.
fn imported_by(script: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut unread = vec![script.to_owned()];
    while let Some(script) = unread.pop() {
        for module in imports_of(&script) {
            if found.insert(module.clone()) {
                unread.push(module);
            }
        }
    }
    found
}

fn imports_of(script: &str) -> Vec<String> {
    let path = format!("/assets{script}");
    let mut assets = assets::OF_APPLICATIONS.iter();
    let source = assets.find(|asset| asset.path == path);
    let source = source.map_or("", |asset| {
        str::from_utf8(asset.contents).unwrap_or_default()
    });
    let named = source.split(IMPORT).skip(1);
    let named = named.filter_map(|rest| rest.split('\'').next());
    let below = named.map(|name| match name.strip_prefix("../") {
        Some(name) => format!("/{name}"),
        None => name.replacen('.', "/scripts", 1),
    });
    below.collect()
}
