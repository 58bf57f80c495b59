//! The arrows between the crates, and what every crate must pass on.

use std::path::Path;

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, Package};

use super::Complaint;

/// Which crate may use which other one of the workspace; the map in `docs/architecture.md` draws the same.
const ALLOWED: &[(&str, &[&str])] = &[
    ("sgmn-graph", &[]),
    ("sgmn-symmetry", &["sgmn-graph"]),
    ("sgmn-nn", &["sgmn-graph", "sgmn-symmetry"]),
    ("sgmn-data", &["sgmn-graph"]),
    ("sgmn-exp", &["sgmn-data", "sgmn-graph", "sgmn-nn", "sgmn-symmetry"]),
    ("xtask", &["sgmn-data"]),
];
/// Crates that may use candle's layers and optimizers; the others use its tensors only.
const USE_CANDLE_NN: &[&str] = &["sgmn-exp", "sgmn-nn"];
/// Features that every library passes on to candle.
const DEVICES: &[&str] = &["cuda", "metal"];

pub(super) fn check(root: &Path) -> Result<Vec<Complaint>> {
    let metadata = cargo_metadata::MetadataCommand::new()
        .current_dir(root)
        .no_deps()
        .exec()
        .context("cargo metadata")?;
    let mut complaints = Vec::new();
    for package in &metadata.packages {
        complaints.extend(arrows(package));
        if package.name.as_str() != "xtask" {
            complaints.extend(devices(package));
        }
    }
    Ok(complaints)
}

/// Arrows that are not on the map, in tests as well: a test that reaches upstairs couples the rooms too.
fn arrows(package: &Package) -> Vec<Complaint> {
    let name = package.name.as_str();
    let place = place(package);
    let Some((_, allowed)) = ALLOWED.iter().find(|(from, _)| *from == name) else {
        return vec![Complaint::new(place, format!("the crate {name} is not on the map of crates"))];
    };
    let mut complaints = Vec::new();
    for dependency in &package.dependencies {
        let to = dependency.name.as_str();
        let is_own = dependency.kind == DependencyKind::Development && to == name;
        let is_member = ALLOWED.iter().any(|(member, _)| *member == to);
        if is_member && !is_own && !allowed.contains(&to) {
            complaints.push(Complaint::new(&place, format!("{name} may not use {to}")));
        }
        if to == "candle-nn" && !USE_CANDLE_NN.contains(&name) {
            complaints.push(Complaint::new(&place, format!("{name} may not use candle-nn")));
        }
    }
    complaints
}

/// Devices that a crate does not pass on to candle and to every crate that it uses.
fn devices(package: &Package) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for device in DEVICES {
        let passed_on = package.features.get(*device).map_or(&[][..], Vec::as_slice);
        let receivers = package.dependencies.iter().filter(|dependency| {
            dependency.kind == DependencyKind::Normal
                && (dependency.name.starts_with("candle-") || dependency.name.starts_with("sgmn-"))
        });
        let mut names: Vec<&str> = receivers.map(|dependency| dependency.name.as_str()).collect();
        // Every crate uses candle.
        names.push("candle-core");
        names.sort_unstable();
        names.dedup();
        for receiver in names {
            let feature = format!("{receiver}/{device}");
            if !passed_on.contains(&feature) {
                complaints.push(Complaint::new(
                    place(package),
                    format!("the feature {device} lacks \"{feature}\""),
                ));
            }
        }
    }
    complaints
}

fn place(package: &Package) -> String {
    format!("crates/{}/Cargo.toml", package.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, uses: &[&str], features: &str) -> Package {
        let dependencies: Vec<String> = uses
            .iter()
            .map(|to| {
                format!(
                    r#"{{"name":"{to}","source":null,"req":"*","kind":null,"rename":null,"optional":false,
                    "uses_default_features":true,"features":[],"target":null,"registry":null}}"#
                )
            })
            .collect();
        let text = format!(
            r#"{{"name":"{name}","version":"0.1.0","id":"{name}","license":null,"license_file":null,
            "description":null,"source":null,"dependencies":[{}],"targets":[],"features":{features},
            "manifest_path":"x/Cargo.toml","edition":"2024","metadata":null}}"#,
            dependencies.join(",")
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn an_arrow_that_is_not_on_the_map_is_found() {
        assert_eq!(arrows(&package("sgmn-nn", &["sgmn-graph", "candle-nn", "serde"], "{}")), []);
        assert_eq!(arrows(&package("sgmn-nn", &["sgmn-data"], "{}")).len(), 1);
        assert_eq!(arrows(&package("sgmn-data", &["candle-nn"], "{}")).len(), 1);
        assert_eq!(arrows(&package("sgmn-new", &[], "{}")).len(), 1);
    }

    #[test]
    fn a_device_that_is_not_passed_on_is_found() {
        let all = r#"{"cuda":["candle-core/cuda","sgmn-graph/cuda"],"metal":["candle-core/metal","sgmn-graph/metal"]}"#;
        let uses = ["candle-core", "sgmn-graph"];
        assert_eq!(devices(&package("sgmn-data", &uses, all)), []);
        assert_eq!(devices(&package("sgmn-data", &uses, &all.replace(",\"sgmn-graph/cuda\"", ""))).len(), 1);
        assert_eq!(devices(&package("sgmn-data", &[], "{}")).len(), 2);
    }
}
