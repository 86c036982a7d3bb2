//! What is configured, or found, that makes an installation weaker than it could be.

use std::path::PathBuf;

use ipnet::IpNet;
use latchkey_domain::{host::RequestHost, policy::Limits};
use latchkey_mail::smtp;
use latchkey_storage::{
    connect::{self, sqlite_file},
    private::{self, Openness},
};

use super::{Settings, http::Http, limits, mail::Transport};
use crate::secrets::folder_of;

impl Settings {
    /// A sentence for each setting that weakens the installation, and for each folder and file of it that is
    /// not its owner's alone, with what to do. Whoever starts the service should see them.
    pub fn weaknesses(&self, has_several_users: bool) -> Vec<String> {
        let mut found = Vec::new();
        found.extend(limits_without_effect(&self.policy.limits));
        let url = self.http.public_url(self.http.listen);
        if let Some(host) = url.strip_prefix("http://")
            && !RequestHost::parse(host).is_some_and(|host| host.is_loopback())
        {
            let whence = match self.http.public_url {
                Some(_) => "",
                None => " (by http.listen)",
            };
            found.push(format!(
                "http.public_url is {url}{whence}: codes and tokens travel in clear, and browsers make no \
                 passkeys there; let clients reach the service by https"
            ));
        }
        let proxies = self.http.trusted_proxies.iter();
        let vast: Vec<_> = proxies
            .filter(|network| is_vast(network))
            .map(ToString::to_string)
            .collect();
        if !vast.is_empty() {
            found.push(format!(
                "http.trusted_proxies holds {}: everybody there says by X-Forwarded-For who they are, so \
                 nothing bounds guessing; name the addresses of the proxies alone",
                vast.join(", ")
            ));
        }
        found.extend(whole_share(&self.http));
        if matches!(connect::trusts_the_network(&self.database.url), Ok(true)) {
            found.push(
                "database.url names another machine, which need not prove by a certificate that it is the \
                 one: whoever is on the way can read and change everything; add sslmode=verify-full"
                    .to_owned(),
            );
        }
        if self.mail.transport == Transport::Smtp
            && let Some(url) = &self.mail.smtp_url
            && matches!(smtp::trusts_the_network(url), Ok(true))
        {
            found.push(
                "mail.smtp_url lets messages travel in clear, and they hold live codes: use smtps://, or \
                 tls=required"
                    .to_owned(),
            );
        }
        if self.mail.transport == Transport::Smtp
            && let Some(url) = &self.mail.smtp_url
            && matches!(
                smtp::is_sender_unknown_there(url, &self.mail.from),
                Ok(true)
            )
        {
            let from = &self.mail.from;
            found.push(format!(
                "mail.from is {from:?}, a domain of this machine alone: other mail servers refuse such a sender or take \
                 its messages for spam; name an address of a domain of yours"
            ));
        }
        if self.mail.transport == Transport::Outbox && has_several_users {
            found.push(
                "mail.transport is \"outbox\": what users should be told reaches none of them; set it \
                 to \"smtp\", with mail.smtp_url"
                    .to_owned(),
            );
        }
        if !self.log.tells_events() {
            found.push(format!(
                "log.level is {:?}: the log has no security events, by which misuse is found; add \
                 latchkey::security=info to it",
                self.log.level
            ));
        }
        if let Some(listen) = self.metrics.listen
            && listen.ip().is_unspecified()
        {
            found.push(
                "metrics.listen is every address of this machine: whoever reaches that port reads how much is \
                 done and refused here; name the address of a network of your own"
                    .to_owned(),
            );
        }
        let places = self.own_places().into_iter();
        found.extend(places.filter_map(|path| {
            let openness = private::openness(&path)?;
            let path = std::path::absolute(&path).unwrap_or(path);
            let path = path.display();
            let (than, advice) = match openness {
                Openness::BeyondOwner => ("its owner", "chmod go-rwx"),
                Openness::BeyondGroup => ("its owner and group", "chmod o-rwx"),
                Openness::Strange => (
                    "its owner, who is not the user of this process",
                    "chown it to that user, then chmod go-rwx",
                ),
            };
            Some(format!(
                "{path} is open to others than {than}: {advice} {path}"
            ))
        }));
        found
    }

    /// The folders and files that hold what is nobody else's, whether they are there or not.
    fn own_places(&self) -> Vec<PathBuf> {
        let mut places = Vec::new();
        if let Ok(Some(file)) = sqlite_file(&self.database.url) {
            places.push(folder_of(&file).to_owned());
            for end in ["", "-wal", "-shm"] {
                let mut path = file.clone().into_os_string();
                path.push(end);
                places.push(path.into());
            }
        }
        if self.secrets.contents.is_none() {
            let folder = folder_of(&self.secrets.path).to_owned();
            if !places.contains(&folder) {
                places.push(folder);
            }
            places.push(self.secrets.path.clone());
        }
        // What a service manager lays down as a credential it also protects, in ways that no mode shows.
        places.extend(self.secret_files.iter().cloned());
        places
    }
}

/// From how many times its default on a limit bounds nothing that matters.
const BEYOND_USE: u32 = 100;

/// That limits are switched off, or as good as that.
fn limits_without_effect(limits: &Limits) -> Option<String> {
    if !limits.enabled {
        return Some(
            "limits.enabled is false: nothing bounds guessing; it is for load tests alone".into(),
        );
    }
    let (mut limits, mut defaults) = (limits.clone(), Limits::default());
    let raised: Vec<_> = limits::each(&mut limits)
        .into_iter()
        .zip(limits::each(&mut defaults))
        .filter(|((_, limit), (_, default))| **limit >= default.saturating_mul(BEYOND_USE))
        .map(|((key, limit), (_, default))| format!("{key} is {limit} instead of {default}"))
        .collect();
    (!raised.is_empty()).then(|| {
        format!(
            "{}: that is as good as no limit; take away what is not for load tests alone",
            raised.join(", ")
        )
    })
}

/// That the share of one address is all that there is. Where that is one connection, nobody can have a part of it.
fn whole_share(http: &Http) -> Option<String> {
    let (share, whole) = (
        http.maximum_connections_per_address,
        http.maximum_connections,
    );
    (whole > 1 && share >= whole).then(|| {
        format!(
            "http.maximum_connections_per_address is {share} of {whole}: one address may have all connections, and \
             nobody else any; leave it out for a quarter of http.maximum_connections"
        )
    })
}

/// Whether a network holds more than any network of one's own has: then it may hold everybody.
fn is_vast(network: &IpNet) -> bool {
    let least = match network {
        IpNet::V4(_) => 8,
        IpNet::V6(_) => 16,
    };
    network.prefix_len() < least
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

    use url::Url;

    use super::*;

    /// Settings whose places are not there yet.
    fn settings(folder: &Path) -> Settings {
        let mut settings = Settings::default();
        let data = folder.join("data");
        settings.database.url = format!("sqlite://{}/latchkey.db", data.display());
        settings.secrets.path = data.join("secrets.toml");
        settings
    }

    #[test]
    fn every_setting_that_weakens_is_one_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let strong = settings(folder.path());
        assert_eq!(strong.weaknesses(false), Vec::<String>::new());

        let mut weak = strong.clone();
        weak.policy.limits.enabled = false;
        weak.http.public_url = Some(Url::parse("http://auth.example.com").unwrap());
        weak.http.trusted_proxies = vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()];
        weak.database.url = "postgres://root:hunter2@db.example.com/latchkey".to_owned();
        let mut mails = weak.clone();
        mails.mail.transport = Transport::Smtp;
        mails.mail.smtp_url = Some("smtp://root:hunter2@mail.example.com".to_owned().into());
        "no-reply@example.com".clone_into(&mut mails.mail.from);
        for (settings, mail) in [(weak, "mail.transport"), (mails, "mail.smtp_url")] {
            let found = settings.weaknesses(true);
            let keys = [
                "limits.enabled",
                "http.public_url",
                "http.trusted_proxies",
                "database.url",
                mail,
            ];
            assert_eq!(found.len(), keys.len(), "{found:?}");
            for (sentence, key) in found.iter().zip(keys) {
                assert!(sentence.starts_with(key), "{sentence}");
                assert!(!sentence.contains("hunter2"), "{sentence}");
            }
        }

        let mut strong = strong;
        strong.mail.transport = Transport::Smtp;
        for url in [
            "https://auth.example.com",
            "http://localhost:8080",
            "http://127.0.0.1:1",
        ] {
            strong.http.public_url = Some(Url::parse(url).unwrap());
            assert_eq!(strong.weaknesses(true), Vec::<String>::new(), "{url}");
        }
    }

    #[test]
    fn http_for_others_is_a_weakness_whether_it_is_named_or_listened_at() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings(folder.path());
        for (listen, is_weak) in [
            ("127.0.0.1:8080", false),
            ("[::1]:8080", false),
            ("0.0.0.0:8080", true),
            ("[::]:8080", true),
            ("192.0.2.7:80", true),
        ] {
            settings.http.listen = listen.parse().unwrap();
            let found = settings.weaknesses(false);
            let named = format!("http.public_url is http://{listen} (by http.listen)");
            assert_eq!(found.len(), usize::from(is_weak), "{listen}: {found:?}");
            let mut sentences = found.iter();
            assert!(sentences.all(|sentence| sentence.starts_with(&named)));
            let by_https = Url::parse("https://auth.example.com").unwrap();
            settings.http.public_url = Some(by_https);
            assert_eq!(settings.weaknesses(false), Vec::<String>::new());
            settings.http.public_url = None;
        }
    }

    #[test]
    fn what_is_safe_on_its_way_and_proxies_of_ones_own_are_no_weakness() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings(folder.path());
        settings.mail.transport = Transport::Smtp;
        "no-reply@example.com".clone_into(&mut settings.mail.from);
        for url in ["smtps://mail.example.com", "smtp://127.0.0.1:1025"] {
            settings.mail.smtp_url = Some(url.to_owned().into());
            assert_eq!(settings.weaknesses(true), Vec::<String>::new(), "{url}");
        }
        for url in [
            "postgres://localhost/latchkey",
            "postgres://db.example.com/latchkey?sslmode=verify-full",
        ] {
            settings.database.url = url.to_owned();
            assert_eq!(settings.weaknesses(true), Vec::<String>::new(), "{url}");
        }
        for (network, is_weak) in [
            ("10.0.0.0/8", false),
            ("192.0.2.7/32", false),
            ("2001:db8::/16", false),
            ("::1/128", false),
            ("10.0.0.0/7", true),
            ("0.0.0.0/0", true),
            ("2001::/15", true),
            ("::/0", true),
        ] {
            settings.http.trusted_proxies = vec![network.parse().unwrap()];
            let found = settings.weaknesses(true);
            assert_eq!(found.len(), usize::from(is_weak), "{network}: {found:?}");
            let mut named = found.iter();
            assert!(
                named.all(|sentence| sentence.contains(network)),
                "{found:?}"
            );
        }
    }

    #[test]
    fn a_sender_whom_the_mail_server_cannot_know_is_a_weakness() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings(folder.path());
        settings.mail.transport = Transport::Smtp;
        for (url, from, is_weak) in [
            ("smtps://mail.example.com", "no-reply@example.com", false),
            ("smtps://mail.example.com", "no-reply@localhost", true),
            (
                "smtps://mail.example.com",
                "Latchkey <no-reply@a.localhost>",
                true,
            ),
            (
                "smtp://localhost:1025",
                "Latchkey <no-reply@localhost>",
                false,
            ),
        ] {
            settings.mail.smtp_url = Some(url.to_owned().into());
            from.clone_into(&mut settings.mail.from);
            let found = settings.weaknesses(true);
            assert_eq!(found.len(), usize::from(is_weak), "{from}: {found:?}");
            assert!(found.iter().all(|said| said.starts_with("mail.from")));
        }
    }

    #[test]
    fn metrics_for_everybody_are_a_weakness_and_on_one_address_none() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings(folder.path());
        for (address, is_weak) in [
            ("127.0.0.1:9464", false),
            ("10.0.0.7:9464", false),
            ("0.0.0.0:9464", true),
            ("[::]:9464", true),
        ] {
            settings.metrics.listen = Some(address.parse().unwrap());
            let found = settings.weaknesses(false);
            assert_eq!(found.len(), usize::from(is_weak), "{address}: {found:?}");
            let mut named = found.iter();
            let is_named = |sentence: &String| sentence.starts_with("metrics.listen");
            assert!(named.all(is_named), "{found:?}");
        }
    }

    #[test]
    fn every_limit_that_is_raised_to_nothing_is_named_in_one_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let strong = settings(folder.path());
        let mut all = strong.clone();
        let mut keys = Vec::new();
        for (index, (key, limit)) in limits::each(&mut all.policy.limits).into_iter().enumerate() {
            *limit *= 100;
            keys.push(key);
            let mut one = strong.clone();
            *limits::each(&mut one.policy.limits)[index].1 = *limit;
            let found = one.weaknesses(false);
            let named = format!("{key} is {limit} instead of {}:", *limit / 100);
            assert!(
                found.len() == 1 && found[0].starts_with(&named),
                "{found:?}"
            );
            *limits::each(&mut one.policy.limits)[index].1 -= 1;
            assert_eq!(one.weaknesses(false), Vec::<String>::new(), "{key}");
        }
        let found = all.weaknesses(false);
        assert_eq!(found.len(), 1, "{found:?}");
        for key in keys {
            assert!(found[0].contains(&format!("{key} is ")), "{key}: {found:?}");
        }
        all.policy.limits.enabled = false;
        let found = all.weaknesses(false);
        assert!(
            found.len() == 1 && found[0].starts_with("limits.enabled"),
            "{found:?}"
        );
    }

    #[test]
    fn a_share_that_is_the_whole_is_a_weakness() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings(folder.path());
        for (whole, share, is_weak) in [
            (256, 255, false),
            (256, 256, true),
            (10, 300, true),
            (2, 1, false),
            (1, 1, false),
        ] {
            settings.http.maximum_connections = whole;
            settings.http.maximum_connections_per_address = share;
            let found = settings.weaknesses(false);
            assert_eq!(
                found.len(),
                usize::from(is_weak),
                "{whole} {share}: {found:?}"
            );
            let mut named = found.iter();
            let is_named =
                |sentence: &String| sentence.starts_with("http.maximum_connections_per_address");
            assert!(named.all(is_named), "{found:?}");
        }
    }

    #[test]
    fn a_log_without_security_events_is_a_weakness() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings(folder.path());
        for (level, is_weak) in [
            ("off", true),
            ("warn", true),
            ("info,latchkey::security=off", true),
            ("info", false),
            ("warn,latchkey::security=info", false),
        ] {
            level.clone_into(&mut settings.log.level);
            let found = settings.weaknesses(false);
            assert_eq!(found.len(), usize::from(is_weak), "{level}: {found:?}");
            let named = format!("log.level is {level:?}");
            assert!(found.iter().all(|said| said.starts_with(&named)));
        }
    }

    #[test]
    fn every_open_place_is_one_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path());
        let data = folder.path().join("data");
        private::make_folder(&data).unwrap();
        let files = [
            "latchkey.db",
            "latchkey.db-wal",
            "latchkey.db-shm",
            "secrets.toml",
        ];
        let mut places = vec![data.clone()];
        for file in files.map(|name| data.join(name)) {
            private::make_file(&file).unwrap();
            places.push(file);
        }
        let secret = folder.path().join("database-password");
        private::make_file(&secret).unwrap();
        places.push(secret.clone());
        let settings = Settings {
            secret_files: vec![secret],
            ..settings
        };
        assert_eq!(settings.weaknesses(true).len(), 1);
        for place in places {
            let narrow = fs::metadata(&place).unwrap().permissions();
            let wide = narrow.mode() | 0o044;
            fs::set_permissions(&place, fs::Permissions::from_mode(wide)).unwrap();
            let found = settings.weaknesses(false);
            let named = format!("{} is open", place.display());
            assert!(
                found.len() == 1 && found[0].starts_with(&named),
                "{found:?}"
            );
            fs::set_permissions(&place, narrow).unwrap();
        }
    }
}
