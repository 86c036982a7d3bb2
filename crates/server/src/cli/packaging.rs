//! The files below `packaging`, the Debian package and the release workflow are held to the truth: what they name is
//! there, and what they say of one thing agrees.

use std::{
    collections::{BTreeSet, HashMap},
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Parser as _;
use serde_json::{Value, json};

use super::{Arguments, health, serve::CLOSING};
use crate::{config::Settings, serve::FINISHING};

const DOCKERFILE: &str = "packaging/container/Dockerfile";
const COMPOSE: &str = "packaging/compose/compose.yaml";
const NGINX: &str = "packaging/compose/nginx.conf";
const UNIT: &str = "packaging/systemd/latchkey.service";
const SYSUSERS: &str = "packaging/systemd/latchkey.sysusers.conf";
const DEBIAN_CONFIGURATION: &str = "packaging/debian/latchkey.toml";
const RELEASE: &str = ".github/workflows/release.yml";

fn path_of(file: &str) -> PathBuf {
    // Cargo tells it at run time: checkouts that share a target folder share this program.
    let package = env::var_os("CARGO_MANIFEST_DIR").unwrap();
    Path::new(&package).join("../..").join(file)
}

fn text_of(file: &str) -> String {
    fs::read_to_string(path_of(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn yaml_of(file: &str) -> Value {
    serde_saphyr::from_str(&text_of(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn toml_of(file: &str) -> Value {
    toml::from_str(&text_of(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The texts of a list, or a text that stands for a list of one.
fn texts(value: &Value) -> Vec<String> {
    if let Some(values) = value.as_array() {
        return values.iter().flat_map(texts).collect();
    }
    vec![value.as_str().unwrap().to_owned()]
}

/// The settings there are, with their sections: the example names all of them.
fn settings_there_are() -> BTreeSet<String> {
    let mut section = String::new();
    let mut settings = BTreeSet::new();
    for line in text_of("docs/latchkey.example.toml").lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        } else if let Some((key, _)) = line.trim_start_matches("# ").split_once(" = ") {
            settings.insert(format!("{section}.{key}"));
        }
    }
    settings
}

/// Those of them that are secrets.
fn secrets_there_are() -> BTreeSet<String> {
    let settings = settings_there_are();
    let with_file = settings.iter().filter_map(|key| key.strip_suffix("_file"));
    let secrets: BTreeSet<_> = with_file.map(str::to_owned).collect();
    assert!(secrets.is_subset(&settings), "{secrets:?}");
    secrets
}

/// The instructions of the Dockerfile, each with what follows it.
fn instructions() -> Vec<(String, String)> {
    let text = text_of(DOCKERFILE).replace("\\\n", " ");
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (instruction, rest) = line.split_once(' ').unwrap();
            (instruction.to_owned(), rest.trim().to_owned())
        })
        .collect()
}

/// What follows an instruction of the image, which is the last stage.
fn of_image(instruction: &str) -> Vec<String> {
    let instructions = instructions();
    let stage = instructions.iter().rposition(|(name, _)| name == "FROM");
    let image = instructions.into_iter().skip(stage.unwrap());
    image
        .filter(|(name, _)| name == instruction)
        .map(|(_, rest)| rest)
        .collect()
}

/// The only one of its kind.
fn only<T>(mut values: Vec<T>) -> T {
    assert_eq!(values.len(), 1);
    values.remove(0)
}

/// The variables that the image sets.
fn image_environment() -> HashMap<String, String> {
    of_image("ENV")
        .iter()
        .map(|assignment| {
            let (name, value) = assignment.split_once('=').unwrap();
            (name.to_owned(), value.to_owned())
        })
        .collect()
}

/// The values of a key in the unit, whatever its section.
fn of_unit(key: &str) -> Vec<String> {
    text_of(UNIT)
        .lines()
        .filter_map(|line| Some(line.strip_prefix(key)?.strip_prefix('=')?.to_owned()))
        .collect()
}

/// What follows a word at the beginning of a line of nginx's configuration.
fn of_nginx(directive: &str) -> Vec<String> {
    text_of(NGINX)
        .lines()
        .filter_map(|line| {
            let value = line.trim().strip_prefix(directive)?.strip_prefix(' ')?;
            Some(value.trim_end_matches([';', '{', ' ']).to_owned())
        })
        .collect()
}

fn duration_of(text: &str) -> Duration {
    let unit = text.trim_start_matches(|sign: char| sign.is_ascii_digit());
    let number = text.trim_end_matches(unit).parse().unwrap();
    match unit {
        "s" => Duration::from_secs(number),
        "m" | "min" => Duration::from_mins(number),
        other => panic!("{other} is no unit of time"),
    }
}

/// Everything that the service may take to stop.
fn longest_end() -> Duration {
    Settings::default().http.drain + FINISHING + CLOSING
}

#[track_caller]
fn assert_command(words: &[String]) {
    assert_eq!(words[0], "/usr/bin/latchkey");
    let parsed = Arguments::try_parse_from(words);
    assert!(parsed.is_ok(), "{words:?}: {:?}", parsed.err());
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn every_variable_in_them_is_a_setting() {
    let variables: BTreeSet<_> = settings_there_are()
        .iter()
        .map(|key| format!("LATCHKEY__{}", key.to_uppercase().replace('.', "__")))
        .collect();
    for file in [DOCKERFILE, COMPOSE, UNIT, RELEASE] {
        let text = text_of(file);
        for (start, _) in text.match_indices("LATCHKEY__") {
            let rest = &text[start..];
            let is_name = |sign: char| sign.is_ascii_uppercase() || sign == '_';
            let end = rest.find(|sign: char| !is_name(sign)).unwrap_or(rest.len());
            assert!(variables.contains(&rest[..end]), "{file}: {}", &rest[..end]);
        }
    }
}

#[test]
fn every_command_in_them_is_understood() {
    let list = |text: &str| -> Vec<String> { serde_json::from_str(text).unwrap() };
    let mut serve = list(&only(of_image("ENTRYPOINT")));
    serve.extend(list(&only(of_image("CMD"))));
    assert_command(&serve);
    let check = only(of_image("HEALTHCHECK"));
    let (_, check) = check.split_once(" CMD ").unwrap();
    assert_command(&list(check));
    assert_command(&words(&only(of_unit("ExecStart"))));
    let file = only(of_unit("Environment"));
    assert_eq!(file, "LATCHKEY_CONFIG=/etc/latchkey/latchkey.toml");
}

#[test]
fn the_image_is_nobodys_and_has_no_shell() {
    assert_eq!(only(of_image("USER")), "65532:65532");
    assert_eq!(of_image("RUN"), Vec::<String>::new());
    assert_eq!(only(of_image("VOLUME")), only(of_image("WORKDIR")));
    assert_eq!(only(of_image("FROM")), "${BASE}");
    let instructions = instructions();
    // Those before the first stage are for its FROM lines.
    let bases = instructions.iter().take_while(|(name, _)| name == "ARG");
    let bases: Vec<_> = bases.map(|(_, rest)| rest.as_str()).collect();
    let toolchain = toml_of("rust-toolchain.toml");
    let channel = toolchain["toolchain"]["channel"].as_str().unwrap();
    assert_eq!(
        bases,
        [
            format!("BUILDER=docker.io/library/rust:{channel}-alpine").as_str(),
            "BASE=gcr.io/distroless/static-debian12:nonroot",
        ]
    );
    // The folder that the image brings is the user's, or a new volume could not be written.
    let volume = only(of_image("VOLUME"));
    let copies = of_image("COPY");
    let folder = copies.iter().find(|copy| copy.ends_with(&volume)).unwrap();
    assert!(folder.contains("--chown=65532:65532"), "{folder}");
}

#[test]
fn the_health_check_of_the_image_waits_for_the_answer() {
    let check = only(of_image("HEALTHCHECK"));
    let timeout = check
        .split_whitespace()
        .find_map(|word| word.strip_prefix("--timeout="));
    let longest = Settings::default().database.deadline + health::MARGIN;
    assert!(duration_of(timeout.unwrap()) > longest, "{check}");
}

#[test]
fn who_stops_the_service_waits_for_its_end() {
    let compose = yaml_of(COMPOSE);
    let of_compose = compose["services"]["latchkey"]["stop_grace_period"].as_str();
    for wait in [
        only(of_unit("TimeoutStopSec")),
        of_compose.unwrap().to_owned(),
    ] {
        assert!(duration_of(&wait) >= longest_end(), "{wait}");
    }
}

#[test]
fn ports_and_addresses_agree() {
    let settings = Settings::load(None, image_environment()).unwrap();
    let port = settings.http.listen.port().to_string();
    assert!(settings.http.listen.ip().is_unspecified());
    assert_eq!(only(of_image("EXPOSE")), port);
    assert_eq!(
        of_nginx("server"),
        [
            format!("latchkey:{port} resolve max_fails=0"),
            String::new(),
            String::new()
        ]
    );
    assert_eq!(only(of_nginx("proxy_pass")), "http://latchkey");
    let headers = of_nginx("proxy_set_header");
    for header in ["Host $http_host", "X-Forwarded-For $remote_addr"] {
        assert!(headers.iter().any(|set| set == header), "{headers:?}");
    }
}

#[test]
fn the_services_beside_each_other_can_be_started() {
    let compose = yaml_of(COMPOSE);
    let service = &compose["services"]["latchkey"];
    let build = &service["build"];
    let context = path_of(COMPOSE)
        .parent()
        .unwrap()
        .join(build["context"].as_str().unwrap());
    assert!(context.join("Cargo.lock").is_file());
    assert!(
        context
            .join(build["dockerfile"].as_str().unwrap())
            .is_file()
    );

    // With a file for each secret that the service is given.
    let folder = tempfile::tempdir().unwrap();
    for secret in texts(&service["secrets"]) {
        fs::write(folder.path().join(secret), "hunter2/%\n").unwrap();
    }
    let secrets = format!("{}/", folder.path().display());
    let mut environment = image_environment();
    for (name, value) in service["environment"].as_object().unwrap() {
        let value = match value.as_str().unwrap() {
            value if value.starts_with("${PUBLIC_URL:") => "https://auth.example.com".to_owned(),
            value => value.replace("/run/secrets/", &secrets),
        };
        environment.insert(name.clone(), value);
    }
    let settings = Settings::load(None, environment).unwrap();
    let nginx = &compose["services"]["nginx"]["networks"]["front"]["ipv4_address"];
    let proxies: Vec<_> = settings.http.trusted_proxies.iter().collect();
    assert_eq!(proxies.len(), 1);
    assert_eq!(json!(proxies[0].addr().to_string()), *nginx);
    assert_eq!(proxies[0].prefix_len(), 32);
    // Docker gives containers without an address of their own one of that range.
    let range = &compose["networks"]["front"]["ipam"]["config"][0]["ip_range"];
    let range: ipnet::IpNet = range.as_str().unwrap().parse().unwrap();
    assert!(!range.contains(&proxies[0].addr()));
    assert!(settings.database.url.contains("hunter2%2F%25@"));
    assert!(!settings.wants_demo());
    // The database is reached by a socket in a volume that both see, and nothing is on the way.
    let warned = |key: &str| {
        settings
            .weaknesses(true)
            .iter()
            .any(|found| found.starts_with(key))
    };
    for key in ["database.url", "http.", "limits."] {
        assert!(!warned(key), "{key}: {:?}", settings.weaknesses(true));
    }
    let volumes = |name: &str| texts(&compose["services"][name]["volumes"]);
    let state = format!("latchkey:{}", only(of_image("VOLUME")));
    assert!(volumes("latchkey").contains(&state));
    assert!(volumes("latchkey").contains(&"socket:/run/postgresql".to_owned()));
    assert!(volumes("postgres").contains(&"socket:/var/run/postgresql".to_owned()));
    assert_eq!(service["read_only"], json!(true));
    assert_eq!(service["cap_drop"], json!(["ALL"]));
}

#[test]
fn every_secret_and_volume_of_a_service_is_there() {
    let compose = yaml_of(COMPOSE);
    let there = |kind: &str, name: &str| {
        let kept = compose[kind].as_object().unwrap();
        assert!(kept.contains_key(name), "{kind}: {name}");
    };
    for (name, service) in compose["services"].as_object().unwrap() {
        for secret in texts(&service["secrets"]) {
            there("secrets", &secret);
        }
        for volume in texts(&service["volumes"]) {
            let (source, _) = volume.split_once(':').unwrap();
            match source.strip_prefix("./") {
                Some(file) => assert!(path_of(COMPOSE).with_file_name(file).is_file(), "{file}"),
                None => there("volumes", source),
            }
        }
        for other in service["depends_on"].as_object().into_iter().flatten() {
            there("services", other.0);
        }
        // What each is told to read is what it is given.
        let mut read = text_of(NGINX);
        if name != "nginx" {
            read = service["environment"].to_string();
        }
        let given: BTreeSet<_> = texts(&service["secrets"]).into_iter().collect();
        let named: BTreeSet<_> = read
            .split("/run/secrets/")
            .skip(1)
            .map(|rest| rest.split([';', '"']).next().unwrap().to_owned())
            .collect();
        assert_eq!(named, given, "{name}");
    }
}

#[test]
fn the_unit_hands_over_every_secret_and_is_told_when_it_serves() {
    let credentials: BTreeSet<_> = of_unit("LoadCredential").into_iter().collect();
    let secrets = secrets_there_are();
    let expected = secrets.iter().map(|key| format!("{key}:latchkey.{key}"));
    assert_eq!(credentials, expected.collect::<BTreeSet<_>>());
    assert_eq!(only(of_unit("Type")), "notify");
    for (key, value) in [
        ("CapabilityBoundingSet", ""),
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("MemoryDenyWriteExecute", "yes"),
        ("StateDirectoryMode", "0700"),
    ] {
        assert_eq!(only(of_unit(key)), value, "{key}");
    }
}

#[test]
fn the_configuration_of_the_package_fits_its_unit() {
    let settings = Settings::load(Some(&path_of(DEBIAN_CONFIGURATION)), HashMap::new()).unwrap();
    let state = format!("/var/lib/{}/", only(of_unit("StateDirectory")));
    assert!(
        settings
            .database
            .url
            .starts_with(&format!("sqlite://{state}"))
    );
    assert!(settings.secrets.path.starts_with(&state));
    assert!(!settings.wants_demo());
    let file = path_of(DEBIAN_CONFIGURATION);
    let (name, there) = (file.file_name().unwrap(), only(of_unit("Environment")));
    assert!(there.ends_with(&format!("/{}", name.display())), "{there}");
    let user = only(of_unit("User"));
    let made = text_of(SYSUSERS);
    assert!(
        made.lines()
            .any(|line| line.starts_with(&format!("u {user} "))),
        "{made}"
    );
}

#[test]
fn everything_that_the_package_is_made_of_is_there() {
    let manifest = toml_of("crates/server/Cargo.toml");
    let package = &manifest["package"]["metadata"]["deb"];
    let below = |path: &str| path_of("crates/server").join(path);
    let mut installed = BTreeSet::new();
    for asset in package["assets"].as_array().unwrap() {
        let [source, target, mode]: [String; 3] = texts(asset).try_into().unwrap();
        // What the build makes is not there yet.
        let is_made = ["target/release/", "../../target/package/"];
        let is_made = is_made.iter().any(|made| source.starts_with(made));
        assert!(is_made || below(&source).is_file(), "{source}");
        let name = Path::new(&source).file_name().unwrap();
        let name = name.to_string_lossy();
        assert!(u32::from_str_radix(&mode, 8).is_ok(), "{mode}");
        let folder = target.ends_with('/');
        installed.insert(format!("/{target}{}", if folder { &*name } else { "" }));
    }
    for file in texts(&package["conf-files"]) {
        assert!(installed.contains(&file), "{file}");
    }
    let program = words(&only(of_unit("ExecStart"))).remove(0);
    let documentation = only(of_unit("Documentation"));
    let documentation = documentation.strip_prefix("file://").unwrap();
    for file in [program.as_str(), documentation] {
        assert!(installed.contains(file), "{file}");
    }
    assert!(below(&texts(&package["license-file"])[0]).is_file());
    let units = &package["systemd-units"];
    let unit = format!("{}.service", units["unit-name"].as_str().unwrap());
    assert!(
        below(units["unit-scripts"].as_str().unwrap())
            .join(unit)
            .is_file()
    );
    let scripts = below(package["maintainer-scripts"].as_str().unwrap());
    let script = fs::read_to_string(scripts.join("postinst")).unwrap();
    assert!(script.contains("\n#DEBHELPER#\n"), "{script}");
}

#[test]
fn the_release_is_made_by_pinned_actions_with_few_rights() {
    let text = text_of(RELEASE);
    for line in text.lines().filter(|line| line.contains("uses:")) {
        let (_, action) = line.split_once('@').unwrap();
        let (commit, version) = action.split_once(" # v").unwrap();
        assert!(commit.len() == 40 && commit.bytes().all(|sign| sign.is_ascii_hexdigit()));
        assert!(
            version.starts_with(|sign: char| sign.is_ascii_digit()),
            "{line}"
        );
    }
    let workflow = yaml_of(RELEASE);
    assert_eq!(workflow["permissions"], json!({}));
    assert!(path_of(workflow["env"]["DOCKERFILE"].as_str().unwrap()).is_file());
    let jobs = workflow["jobs"].as_object().unwrap();
    let names: BTreeSet<_> = jobs.keys().filter(|name| *name != "publish").collect();
    let needed = texts(&jobs["publish"]["needs"]);
    assert_eq!(names, needed.iter().collect::<BTreeSet<_>>());
    for name in names {
        assert_eq!(
            jobs[name]["permissions"],
            json!({ "contents": "read" }),
            "{name}"
        );
    }
    let toolchain = toml_of("rust-toolchain.toml");
    let channel = toolchain["toolchain"]["channel"].as_str().unwrap();
    let (minor, _) = channel.rsplit_once('.').unwrap();
    let containers = jobs.values().filter_map(|job| job["container"].as_str());
    for container in containers {
        assert_eq!(container, format!("rust:{minor}-bookworm"));
    }
}
