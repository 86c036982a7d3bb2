//! What the tests look at.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// The root folder.
pub(crate) fn root() -> PathBuf {
    // Cargo tells it at run time: checkouts that share a target folder share this program.
    let package = env::var_os("CARGO_MANIFEST_DIR").unwrap();
    Path::new(&package).parent().unwrap().to_owned()
}

/// A text file of the workspace.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A package of the workspace.
pub(crate) struct Package {
    /// Its name without `latchkey-`.
    pub(crate) layer: String,
    /// Its folder, from the root.
    pub(crate) folder: String,
    /// What it depends on.
    pub(crate) dependencies: Vec<Dependency>,
}

/// A dependency as declared.
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Whether only tests see it.
    pub(crate) is_for_tests: bool,
}

impl Dependency {
    /// The layer it is, when it is a package of the workspace.
    pub(crate) fn layer(&self) -> Option<&str> {
        self.name.strip_prefix("latchkey-")
    }
}

/// All packages, as cargo sees them.
pub(crate) fn packages() -> Vec<Package> {
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(root())
        .args(["metadata", "--no-deps", "--offline", "--locked"])
        .args(["--format-version", "1"])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages.iter().map(package).collect()
}

fn package(value: &Value) -> Package {
    let name = value["name"].as_str().unwrap();
    let manifest = Path::new(value["manifest_path"].as_str().unwrap());
    let folder = manifest.parent().unwrap().strip_prefix(root()).unwrap();
    Package {
        layer: name
            .strip_prefix("latchkey-")
            .unwrap_or_else(|| panic!("{name} should be called latchkey-{name}"))
            .to_owned(),
        folder: folder.to_str().unwrap().to_owned(),
        dependencies: value["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .map(|dependency| Dependency {
                name: dependency["name"].as_str().unwrap().to_owned(),
                is_for_tests: dependency["kind"] == "dev",
            })
            .collect(),
    }
}

/// Every file below the root that belongs to the workspace, as a path from the root, that `ends` so.
pub(crate) fn files(ends: &str) -> Vec<String> {
    let mut found = Vec::new();
    collect(&root(), ends, &mut found);
    found.sort();
    found
}

/// Folders that hold no sources.
const FOREIGN: [&str; 5] = [".git", "target", "node_modules", ".venv", "data"];

fn collect(folder: &Path, ends: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !FOREIGN.contains(&name) {
            collect(&path, ends, found);
        } else if name.ends_with(ends) {
            let path = path.strip_prefix(root()).unwrap();
            found.push(path.to_str().unwrap().to_owned());
        }
    }
}
