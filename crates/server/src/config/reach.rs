//! Where the running service can be asked how it is, as far as the configuration tells. A service goes on with what
//! it has read, so what is wrong with the rest of it is nothing that its health depends on.

use std::{collections::HashMap, net::SocketAddr, path::Path, time::Duration};

use super::{Fault, Faults, Files, Settings, environment, reader_of};

/// Where the running service can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Where it listens (`http.listen`).
    pub(crate) listen: SocketAddr,
    /// How long one call of its database takes at most (`database.deadline_seconds`).
    pub(crate) deadline: Duration,
    /// What is wrong with the configuration, of which nothing more was needed.
    pub(crate) faults: Vec<Fault>,
}

impl Reach {
    /// What the configuration of this process tells.
    ///
    /// # Errors
    /// [`Faults`] when it does not tell where the service listens.
    pub(crate) fn of_process(file: Option<&Path>) -> Result<Self, Faults> {
        let (variables, mut misnamed) = environment(std::env::vars_os());
        let mut reach = Self::load(file, &variables)?;
        misnamed.append(&mut reach.faults);
        Ok(Self {
            faults: misnamed,
            ..reach
        })
    }

    /// A file that cannot be read at all is no matter where the environment tells.
    fn load(file: Option<&Path>, variables: &HashMap<String, String>) -> Result<Self, Faults> {
        let (mut reader, unreadable) = match reader_of(file, variables.clone(), Files::Any) {
            Ok(reader) => (reader, None),
            Err(unreadable) => {
                let alone = reader_of(None, variables.clone(), Files::Any)?;
                (alone, Some(unreadable))
            }
        };
        let settings = Settings::read(&mut reader);
        let is_told = reader.is_set("http.listen");
        let mut faults = reader.finish().err().unwrap_or_default();
        if faults
            .iter()
            .any(|fault| KEYS.contains(&fault.key.as_str()))
        {
            faults.retain(|fault| KEYS.contains(&fault.key.as_str()));
            return Err(Faults(faults));
        }
        match unreadable {
            Some(unreadable) if !is_told => return Err(unreadable),
            Some(Faults(unreadable)) => faults.extend(unreadable),
            None => {}
        }
        Ok(Self {
            listen: settings.http.listen,
            deadline: settings.database.deadline,
            faults,
        })
    }
}

/// What may not be wrong: the key, and the section that it is in.
const KEYS: [&str; 2] = ["http.listen", "http"];

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: Option<&str>, listen: Option<&str>) -> Result<Reach, Faults> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("latchkey.toml");
        if let Some(text) = file {
            std::fs::write(&path, text).unwrap();
        }
        let listen = listen.map(|listen| ("LATCHKEY__HTTP__LISTEN".to_owned(), listen.to_owned()));
        let variables: HashMap<_, _> = listen.into_iter().collect();
        Reach::load(file.map(|_text| path.as_path()), &variables)
    }

    #[test]
    fn a_sound_configuration_tells_where() {
        let file = "[http]\nlisten = \"127.0.0.1:7001\"\n[database]\ndeadline_seconds = 9\n";
        let expected = Reach {
            listen: "127.0.0.1:7001".parse().unwrap(),
            deadline: Duration::from_secs(9),
            faults: vec![],
        };
        assert_eq!(load(Some(file), None).unwrap(), expected);
        let by_default = load(None, None).unwrap();
        assert_eq!(by_default.listen, Settings::default().http.listen);
        assert_eq!(by_default.faults, []);
    }

    #[test]
    fn what_is_wrong_elsewhere_is_told_and_no_matter() {
        let file = "[http]\nlisten = \"127.0.0.1:7001\"\n[mail]\ntransport = \"pigeon\"\n[nothing]\na = 1\n";
        let reach = load(Some(file), None).unwrap();
        assert_eq!(reach.listen.port(), 7001);
        assert_eq!(reach.faults.len(), 2, "{reach:?}");
    }

    #[test]
    fn an_address_that_cannot_be_read_is_a_fault() {
        for file in [
            "[http]\nlisten = \"here\"\n[mail]\ntransport = \"pigeon\"\n",
            "http = 7\n",
        ] {
            let faults = load(Some(file), None).unwrap_err();
            assert_eq!(faults.all().len(), 1, "{faults}");
            assert!(faults.all()[0].key.starts_with("http"), "{faults}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_no_matter_where_the_environment_tells() {
        let broken = Some("[http\n");
        let faults = load(broken, None).unwrap_err();
        assert!(
            faults.to_string().contains("cannot be read at line"),
            "{faults}"
        );
        let reach = load(broken, Some("127.0.0.1:7002")).unwrap();
        assert_eq!(reach.listen.port(), 7002);
        let problems = |faults: &[Fault]| -> Vec<String> {
            faults.iter().map(|fault| fault.problem.clone()).collect()
        };
        assert_eq!(problems(&reach.faults), problems(faults.all()));
    }
}
