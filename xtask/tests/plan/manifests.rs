//! What all manifests have in common.

use std::collections::BTreeSet;

use toml::{Table, Value};

use crate::workspace::{packages, read};

fn manifest(folder: &str) -> Table {
    read(&format!("{folder}/Cargo.toml")).parse().unwrap()
}

fn is_inherited(value: Option<&Value>) -> bool {
    value.and_then(|value| value.get("workspace")) == Some(&Value::Boolean(true))
}

#[test]
fn every_package_inherits_the_lints() {
    for package in packages() {
        let manifest = manifest(&package.folder);
        assert!(
            is_inherited(manifest.get("lints")),
            "{} needs [lints] workspace = true",
            package.folder
        );
    }
}

#[test]
fn every_package_inherits_the_shared_fields_and_says_what_it_is() {
    for package in packages() {
        let manifest = manifest(&package.folder);
        let fields = manifest["package"].as_table().unwrap();
        for field in ["version", "edition", "rust-version", "license", "publish"] {
            assert!(
                is_inherited(fields.get(field)),
                "{} {field}",
                package.folder
            );
        }
        assert!(fields.contains_key("description"), "{}", package.folder);
    }
}

#[test]
fn every_dependency_is_inherited() {
    for package in packages() {
        let manifest = manifest(&package.folder);
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(dependencies) = manifest.get(section).and_then(Value::as_table) else {
                continue;
            };
            for (name, dependency) in dependencies {
                assert!(is_inherited(Some(dependency)), "{} {name}", package.folder);
            }
        }
    }
}

#[test]
fn one_toolchain_builds_everything() {
    let [manifest, toolchain] =
        ["Cargo.toml", "rust-toolchain.toml"].map(|path| read(path).parse::<Table>().unwrap());
    let version = manifest["workspace"]["package"]["rust-version"].as_str();
    let version = version.unwrap();
    let channel = toolchain["toolchain"]["channel"].as_str();
    assert_eq!(channel, Some(format!("{version}.0").as_str()));
    let forge = read(".github/workflows/ci.yml");
    assert!(forge.contains(&format!("container: rust:{version}-")));
}

/// The lines of the root manifest that declare dependencies on others.
fn declarations(manifest: &str) -> impl Iterator<Item = &str> {
    manifest
        .lines()
        .skip_while(|line| *line != "[workspace.dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .filter(|line| !line.starts_with("latchkey-"))
}

#[test]
fn every_dependency_says_why() {
    let manifest = read("Cargo.toml");
    assert!(declarations(&manifest).count() > 20);
    for line in declarations(&manifest) {
        let reason = line.rsplit_once("# ").map_or("", |(_, reason)| reason);
        assert!(reason.len() > 5, "why is it there? {line}");
    }
}

#[test]
fn every_declared_dependency_is_used() {
    let manifest = read("Cargo.toml");
    let used: BTreeSet<_> = packages()
        .into_iter()
        .flat_map(|package| package.dependencies)
        .map(|dependency| dependency.name)
        .collect();
    for line in declarations(&manifest) {
        let (name, _) = line.split_once(' ').unwrap();
        assert!(used.contains(name), "nobody uses {name}");
    }
}
