use std::{collections::BTreeSet, os::unix::ffi::OsStringExt as _, path::PathBuf, time::Duration};

use super::*;

const EXAMPLE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../docs/latchkey.example.toml"
);

fn variables_of(variables: &[(&str, &str)]) -> HashMap<String, String> {
    variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn load(text: &str, variables: &[(&str, &str)]) -> Result<Settings, Faults> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("latchkey.toml");
    std::fs::write(&file, text).unwrap();
    Settings::load(Some(&file), variables_of(variables))
}

fn faults(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    load(text, variables)
        .unwrap_err()
        .all()
        .iter()
        .map(|fault| fault.key.clone())
        .collect()
}

/// An empty variable is none, as those of compose files are that nobody has set.
#[test]
fn a_list_is_cleared_by_a_comma_and_not_by_nothing() {
    let text = "[http]\ntrusted_proxies = ['10.0.0.1']";
    for (value, left) in [("", 1), (",", 0), (" , ", 0), ("10.0.0.2,10.0.0.3", 2)] {
        let settings = load(text, &[("LATCHKEY__HTTP__TRUSTED_PROXIES", value)]).unwrap();
        assert_eq!(settings.http.trusted_proxies.len(), left, "{value:?}");
    }
}

#[test]
fn nothing_configured_is_the_default() {
    assert_eq!(
        Settings::load(None, HashMap::new()),
        Ok(Settings::default())
    );
}

#[test]
fn the_example_file_says_the_defaults() {
    assert_eq!(
        Settings::load(Some(Path::new(EXAMPLE)), HashMap::new()),
        Ok(Settings::default())
    );
}

/// Keys without a default are in the example as comments; with the comment signs removed it must
/// still be a configuration, and then no key is missing.
#[test]
fn the_example_file_names_every_key() {
    let example = std::fs::read_to_string(EXAMPLE).unwrap();
    let mut section = String::new();
    let mut named = BTreeSet::new();
    for line in example.lines() {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            name.clone_into(&mut section);
        } else if let Some((key, _)) = line.trim_start_matches("# ").split_once(" = ") {
            named.insert(format!("{section}.{key}"));
        }
    }
    assert_eq!(named, known_keys());
}

#[test]
fn the_environment_overrides_the_file() {
    let settings = load(
        "[http]\nlisten = \"127.0.0.1:1\"\nmaximum_connections = 5\n",
        &[
            ("LATCHKEY__HTTP__LISTEN", "127.0.0.1:2"),
            ("LATCHKEY__HTTP__TRUSTED_PROXIES", "10.0.0.0/8, ::1"),
            ("LATCHKEY__LIMITS__ENABLED", "false"),
            ("LATCHKEY__TOKENS__SESSION_SECONDS", "90"),
            ("LATCHKEY__LOG__LEVEL", ""),
            ("LATCHKEY_CONFIG", "is not a key"),
        ],
    )
    .unwrap();
    assert_eq!(settings.http.listen.port(), 2);
    assert_eq!(settings.http.maximum_connections, 5);
    assert_eq!(settings.http.trusted_proxies.len(), 2);
    assert!(!settings.policy.limits.enabled);
    assert_eq!(settings.policy.lifetimes.session, Duration::from_secs(90));
    assert_eq!(settings.log, Log::default());
}

#[test]
fn every_fault_is_named_at_once() {
    let named = faults(
        r#"
        [http]
        listen = "localhost"
        public_url = "ftp://example.com"
        trusted_proxies = ["10.0.0.0/8", "everyone"]
        maximum_connections = 0
        drain_seconds = "soon"
        lisen = "127.0.0.1:80"
        [database]
        url = "mysql://localhost/latchkey"
        [secrets]
        path = ""
        [tokens]
        challenge_seconds = 3600
        session_seconds = true
        [limits]
        enabled = "perhaps"
        wrong_codes_per_user = -1
        [log]
        format = "xml"
        level = "a=b=c"
        [location]
        path = " "
        [demo]
        enabled = 3
        [web]
        enabled = "sometimes"
        prefix = "latchkey/"
        [htpp]
        listen = "127.0.0.1:80"
        "#,
        &[],
    );
    assert_eq!(
        named,
        [
            "http.listen",
            "http.public_url",
            "http.trusted_proxies",
            "http.maximum_connections",
            "http.drain_seconds",
            "http.lisen",
            "database.url",
            "secrets.path",
            "tokens.challenge_seconds",
            "tokens.session_seconds",
            "limits.enabled",
            "limits.wrong_codes_per_user",
            "log.format",
            "log.level",
            "location.path",
            "demo.enabled",
            "web.enabled",
            "web.prefix",
            "htpp",
        ]
    );
}

#[test]
fn a_fault_says_where_it_is_and_what_to_write() {
    let faults = load(
        "[http]\nmaximum_connections = 0\n",
        &[("LATCHKEY__HTTP__LISTEN", "8080")],
    )
    .unwrap_err()
    .to_string();
    let mut lines = faults.lines();
    assert_eq!(lines.next(), Some("the configuration cannot be used"));
    assert_eq!(
        lines.next(),
        Some(
            "  http.listen must be an address with a port, such as 127.0.0.1:8080, not \"8080\" \
             (set by LATCHKEY__HTTP__LISTEN)"
        )
    );
    let second = lines.next().unwrap();
    assert!(second.starts_with(
        "  http.maximum_connections must be a whole number from 1 to 65535, not 0 (set in "
    ));
    assert!(second.ends_with("latchkey.toml)"), "{second}");
}

#[test]
fn a_misspelt_key_is_answered_with_the_keys_there_are() {
    let fault = load("[log]\nlevle = \"info\"\n", &[]).unwrap_err();
    assert!(
        fault
            .to_string()
            .contains("log.levle is not a key; the keys of [log] are format, level"),
        "{fault}"
    );
}

#[test]
fn a_key_that_should_be_a_section_is_a_fault() {
    assert_eq!(faults("http = \"127.0.0.1:80\"\n", &[]), ["http"]);
    assert_eq!(
        faults("", &[("LATCHKEY__HTTP__LISTEN__PORT", "1")]),
        ["http.listen"]
    );
}

#[test]
fn secrets_in_a_faulty_configuration_are_not_repeated() {
    let faults = load("[database]\nurl = \"mysql://root:hunter2@host/db\"\n", &[])
        .unwrap_err()
        .to_string();
    assert!(faults.contains("database.url"), "{faults}");
    assert!(!faults.contains("hunter2"), "{faults}");
    let settings = load(
        "[database]\nurl = \"postgres://root:hunter2@host/db\"\n[secrets]\ncontents = \"hunter3\"\n",
        &[],
    )
    .unwrap();
    assert!(!format!("{settings:?}").contains("hunter"));
}

#[test]
fn only_variables_of_the_configuration_are_read() {
    let read = |listen: OsString| {
        let others = [("LATCHKEY_CONFIG", "x"), ("PATH", "y")];
        let others = others.map(|(name, value)| (name.into(), value.into()));
        environment(
            others
                .into_iter()
                .chain([("LATCHKEY__HTTP__LISTEN".into(), listen)]),
        )
    };
    let (variables, faults) = read("127.0.0.1:1".into());
    assert_eq!(
        variables.keys().collect::<Vec<_>>(),
        ["LATCHKEY__HTTP__LISTEN"]
    );
    assert_eq!(faults, []);
    let (variables, faults) = read(OsString::from_vec(vec![0xff]));
    assert!(variables.is_empty());
    assert_eq!(faults[0].key, "LATCHKEY__HTTP__LISTEN");
}

#[test]
fn a_variable_that_names_no_setting_is_a_fault_with_the_nearest_name() {
    let faults_with = |value: &str, names: &[&str]| {
        let variables = names.iter().map(|name| ((*name).into(), value.into()));
        environment(variables).1
    };
    let faults_of = |names: &[&str]| faults_with("hunter2", names);
    for (name, meant) in [
        ("LATCHKEY_HTTP_LISTEN", "LATCHKEY__HTTP__LISTEN"),
        ("latchkey_http_listen", "LATCHKEY__HTTP__LISTEN"),
        ("LATCHKEY_HTTP__LISTEN", "LATCHKEY__HTTP__LISTEN"),
        ("LATCHKEY_DATABASE_URL", "LATCHKEY__DATABASE__URL"),
        ("LATCHKEY_PUBLIC_URL", "LATCHKEY__HTTP__PUBLIC_URL"),
        ("LATCHKEY_HTTP_PORT", "LATCHKEY__HTTP__LISTEN"),
        ("LATCHKEY_SECRETS_CONTENTS", "LATCHKEY__SECRETS__CONTENTS"),
        ("LATCHKEY_POSTGRES_URL", "LATCHKEY__DATABASE__URL"),
    ] {
        let faults = faults_of(&[name]);
        assert_eq!(faults.len(), 1, "{name}");
        let said = faults[0].to_string();
        let expected = format!("{name} is the name of no setting; the nearest is {meant} ");
        assert!(said.starts_with(&expected), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    assert_eq!(
        faults_of(&["LATCHKEY_LOG_LEVEL", "LATCHKEY_HTTP_LISTEN"]).len(),
        2
    );
    let of_others = [
        "LATCHKEY_CONFIG",
        "LATCHKEY_SERVICE_HOST",
        "LATCHKEY_SERVICE_PORT",
        "LATCHKEY_SERVICE_PORT_HTTP",
        "LATCHKEY_PORT",
        "LATCHKEY_PORT_8080_TCP",
        "LATCHKEY_PORT_8080_TCP_ADDR",
        "LATCHKEY_METRICS_PORT_9090_TCP_PROTO",
        "LATCHKEYS",
    ];
    assert_eq!(faults_with("tcp://10.0.0.1:8080", &of_others), []);
}

#[test]
fn a_section_that_is_a_key_is_answered_with_the_nearest_one() {
    let fault = load("", &[("LATCHKEY__HTTP_LISTEN", "127.0.0.1:1")]).unwrap_err();
    let said = fault.to_string();
    assert!(said.contains("http_listen is not a section"), "{said}");
    assert!(
        said.ends_with("the nearest setting is http.listen (set by LATCHKEY__HTTP_LISTEN)"),
        "{said}"
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("latchkey.toml");
    std::fs::write(&file, "[nonsense]\nlisten = 1\n").unwrap();
    let said = Settings::load(Some(&file), HashMap::new()).unwrap_err();
    let source = format!("(set in {})", file.display());
    assert!(said.to_string().ends_with(&source), "{said}");
}

#[test]
fn a_list_in_the_environment_has_commas() {
    let networks = |text: &str| {
        let variables = [("LATCHKEY__HTTP__TRUSTED_PROXIES", text)];
        load("", &variables).map(|settings| settings.http.trusted_proxies.len())
    };
    for (text, count) in [
        ("10.0.0.1", 1),
        ("10.0.0.1,10.0.0.2", 2),
        (" 10.0.0.0/8 , ::1 ,", 2),
        ("", 0),
    ] {
        assert_eq!(networks(text), Ok(count), "{text}");
    }
    for text in ["10.0.0.1 10.0.0.2", "10.0.0.1;10.0.0.2", "[\"10.0.0.1\"]"] {
        let fault = networks(text).unwrap_err().to_string();
        assert!(fault.contains("with commas between them"), "{fault}");
    }
}

#[test]
fn every_setting_tells_where_it_comes_from() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("latchkey.toml");
    std::fs::write(&file, "[http]\nlisten = \"127.0.0.1:1\"\n").unwrap();
    let variables = variables_of(&[("LATCHKEY__LOG__LEVEL", "debug")]);
    let (_, sources) = Settings::load_with_sources(Some(&file), variables, Files::Any).unwrap();
    assert!(sources["http.listen"].ends_with("latchkey.toml"));
    assert_eq!(sources["log.level"], "set by LATCHKEY__LOG__LEVEL");
    assert_eq!(sources["log.format"], "default");
    assert_eq!(sources.len(), known_keys().len());
}

#[cfg(unix)]
#[test]
fn a_file_of_settings_need_not_be_a_regular_one() {
    let device = PathBuf::from("/dev/null");
    let settings = Settings::load(Some(&device), HashMap::new()).unwrap();
    assert_eq!(settings, Settings::default());
    let folder = tempfile::tempdir().unwrap();
    let fault = Settings::load(Some(folder.path()), HashMap::new()).unwrap_err();
    assert!(fault.to_string().contains("cannot be read"), "{fault}");
}

/// Whoever read a pipe at the start has emptied it.
#[cfg(unix)]
#[test]
fn what_is_read_again_is_a_regular_file() {
    let device = PathBuf::from("/dev/null");
    let again = |file: &Path, secret: Option<&Path>| {
        let secret = secret.map(|secret| secret.display().to_string());
        let variable = secret.map(|secret| ("LATCHKEY__DATABASE__URL_FILE".to_owned(), secret));
        let loaded =
            Settings::load_with_sources(Some(file), variable.into_iter().collect(), Files::Regular);
        loaded.map(|(settings, _sources)| settings)
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("latchkey.toml");
    std::fs::write(&file, "[log]\nlevel = \"debug\"\n").unwrap();
    let link = folder.path().join("link.toml");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    assert_eq!(again(&link, None).unwrap().log.level, "debug");
    for (file, secret, key) in [
        (&device, None, "/dev/null"),
        (&file, Some(device.as_path()), "database.url"),
    ] {
        let faults = again(file, secret).unwrap_err();
        let [fault] = faults.all() else {
            panic!("{faults}");
        };
        assert_eq!(fault.key, key);
        assert!(fault.problem.contains("is no regular file"), "{fault}");
    }
}

#[test]
fn a_missing_or_broken_file_and_one_in_another_encoding_are_named() {
    let missing = PathBuf::from("no-such-folder/latchkey.toml");
    let fault = Settings::load(Some(&missing), HashMap::new()).unwrap_err();
    assert!(
        fault.to_string().contains("no-such-folder/latchkey.toml"),
        "{fault}"
    );
    let folder = tempfile::tempdir().unwrap();
    let latin = folder.path().join("latin-1.toml");
    std::fs::write(&latin, b"[database]\nurl = \"sqlite://J\xfcrgen.db\"\n").unwrap();
    let fault = Settings::load(Some(&latin), HashMap::new()).unwrap_err();
    assert!(
        fault
            .to_string()
            .contains("latin-1.toml must be UTF-8, and is not at line 2, byte 18"),
        "{fault}"
    );
    // A line that cannot be read is not repeated: there may be a secret in it.
    for line in [
        "smtp_password = p@hunter2",
        "smtp_url = hunter2://",
        "smtp_url = \"hunter2",
    ] {
        let fault = load(&format!("[mail]\n{line}\n"), &[])
            .unwrap_err()
            .to_string();
        assert!(
            fault.contains("latchkey.toml cannot be read at line 2"),
            "{fault}"
        );
        assert!(!fault.contains("hunter2"), "{fault}");
    }
    let fault = load("[http\n", &[]).unwrap_err();
    assert!(fault.to_string().contains("latchkey.toml"), "{fault}");
}
