//! Roughly where an address is, by a file of the operator in the form that every provider of such files has, MaxMind
//! DB.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
};

use latchkey_domain::text::ApplicationName;
use latchkey_service::ports::locator::Locator;
use maxminddb::{LookupResult, MaxMindDbError, Reader, WithinOptions};
use serde::Deserialize;
use time::OffsetDateTime;
use tracing::info;

use crate::config::location::Location;

/// In how many of its first networks a file must name a place: in one of cities or countries nearly all have one.
const LOOKED_AT: usize = 1000;

/// The most bytes a file can have. The largest that are sold have half of that, and all of it is kept in memory.
const MAXIMUM: u64 = 1 << 30;

/// What a file tells of addresses. It is read as a whole, so the file may be replaced at any time.
pub struct Atlas {
    path: PathBuf,
    reader: Reader<Vec<u8>>,
}

/// Why a file tells nothing of addresses.
#[derive(Debug, thiserror::Error)]
pub enum LocationError {
    /// It cannot be read, or is in another form.
    #[error("location.path: {} cannot be read as a MaxMind DB (.mmdb): {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: MaxMindDbError,
    },
    /// It is about something else than places.
    #[error(
        "location.path: {} names no places (it is of the type {kind}): take one of cities or countries",
        path.display()
    )]
    NoPlaces {
        /// The file.
        path: PathBuf,
        /// What it says it is.
        kind: String,
    },
}

impl Atlas {
    /// Reads the file that is configured, if one is.
    ///
    /// # Errors
    /// [`LocationError`].
    pub fn read(settings: &Location) -> Result<Option<Self>, LocationError> {
        settings.path.as_deref().map(Self::of).transpose()
    }

    fn of(path: &Path) -> Result<Self, LocationError> {
        let unreadable = |source| LocationError::Unreadable {
            path: path.to_owned(),
            source,
        };
        // Anything else may be read for ever.
        let problem = match fs::metadata(path) {
            Ok(found) if !found.is_file() => Some("it is no file"),
            Ok(found) if found.len() > MAXIMUM => Some("it is larger than 1 GiB"),
            Ok(_) | Err(_) => None,
        };
        if let Some(problem) = problem {
            let source = io::Error::new(io::ErrorKind::InvalidInput, problem);
            return Err(unreadable(MaxMindDbError::Io(source)));
        }
        let reader = Reader::open_readfile(path).map_err(unreadable)?;
        let names_places = reader
            .networks(WithinOptions::default())
            .map_err(unreadable)?
            .take(LOOKED_AT)
            .any(|found| found.is_ok_and(|found| place(&found).is_some()));
        if !names_places {
            return Err(LocationError::NoPlaces {
                path: path.to_owned(),
                kind: reader.metadata().database_type.clone(),
            });
        }
        Ok(Self {
            path: path.to_owned(),
            reader,
        })
    }

    /// Tells the log which file it is, and of when: an old one is wrong more often.
    pub(crate) fn tell(&self) {
        let about = self.reader.metadata();
        let built = i64::try_from(about.build_epoch)
            .ok()
            .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
            .map(|time| time.date().to_string());
        info!(
            path = %self.path.display(),
            kind = about.database_type,
            built,
            "a file tells roughly where addresses are"
        );
    }
}

impl Locator for Atlas {
    fn locate(&self, address: IpAddr) -> Option<String> {
        let address = address.to_canonical();
        if is_nowhere(address) {
            return None;
        }
        place(&self.reader.lookup(address).ok()?)
    }
}

/// Whether an address is of one machine or of a network of somebody's own, whatever a file says.
fn is_nowhere(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_private()
                || is_shared(address)
                || address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
        }
        IpAddr::V6(address) => {
            address.is_unique_local()
                || address.is_loopback()
                || address.is_unicast_link_local()
                || address.is_unspecified()
        }
    }
}

/// Whether an address is of 100.64.0.0/10, which customers of one provider share behind its translation (RFC 6598).
fn is_shared(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    first == 100 && second & 0b1100_0000 == 64
}

/// What a file says of a network, of all that it may say.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Known {
    city: Named,
    country: Named,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    names: Names,
    iso_code: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Names {
    en: Option<String>,
}

/// City and country, as far as they are known and can be shown: by the rule of other names that people read.
fn place(found: &LookupResult<'_, Vec<u8>>) -> Option<String> {
    let Known { city, country } = found.decode().ok()??;
    let shown = |name: Option<String>| name.filter(|name| ApplicationName::new(name).is_ok());
    let country = shown(country.names.en).or_else(|| shown(country.iso_code));
    let names: Vec<_> = [shown(city.names.en), country]
        .into_iter()
        .flatten()
        .collect();
    (!names.is_empty()).then(|| names.join(", "))
}

#[cfg(test)]
mod tests {
    use latchkey_testkit::places::{Place, file_of};

    use super::*;

    const BERLIN: Place = Place {
        network: "203.0.113.0",
        length: 24,
        city: Some("Berlin"),
        country: Some("Germany"),
    };

    fn read(bytes: &[u8]) -> Result<Atlas, LocationError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("places.mmdb");
        fs::write(&path, bytes).unwrap();
        let settings = Location { path: Some(path) };
        Ok(Atlas::read(&settings)?.unwrap())
    }

    #[test]
    fn public_addresses_are_where_the_file_says_and_all_others_nowhere() {
        let atlas = read(&file_of(&[
            BERLIN,
            Place {
                network: "2001:db8::",
                length: 32,
                city: None,
                country: Some("France"),
            },
            // Nothing that a file can say makes these public.
            Place {
                network: "10.0.0.0",
                length: 8,
                ..BERLIN
            },
            Place {
                network: "100.0.0.0",
                length: 8,
                ..BERLIN
            },
            Place {
                network: "127.0.0.0",
                length: 8,
                ..BERLIN
            },
            Place {
                network: "fc00::",
                length: 7,
                ..BERLIN
            },
        ]))
        .unwrap();
        for (address, expected) in [
            ("203.0.113.9", Some("Berlin, Germany")),
            ("::ffff:203.0.113.9", Some("Berlin, Germany")),
            ("2001:db8::7", Some("France")),
            ("203.0.112.9", None),
            ("2001:db9::7", None),
            ("10.1.2.3", None),
            ("100.63.255.255", Some("Berlin, Germany")),
            ("100.64.0.0", None),
            ("100.127.255.255", None),
            ("100.128.0.0", Some("Berlin, Germany")),
            ("127.0.0.1", None),
            ("::1", None),
            ("fd00::1", None),
        ] {
            let found = atlas.locate(address.parse().unwrap());
            assert_eq!(found.as_deref(), expected, "{address}");
        }
    }

    #[test]
    fn what_is_no_file_of_places_is_refused_by_the_name_of_its_setting() {
        let whole = file_of(&[BERLIN]);
        let of_something_else = file_of(&[Place {
            city: None,
            country: None,
            ..BERLIN
        }]);
        for (bytes, why) in [
            (b"no such file".as_slice(), "cannot be read as a MaxMind DB"),
            (
                whole.split_at(whole.len() - 9).0,
                "cannot be read as a MaxMind DB",
            ),
            (of_something_else.as_slice(), "names no places"),
        ] {
            let error = read(bytes).err().unwrap().to_string();
            assert!(error.starts_with("location.path: "), "{error}");
            assert!(error.contains(why), "{error}");
        }
        let folder = tempfile::tempdir().unwrap();
        let endless = folder.path().join("endless.mmdb");
        fs::File::create(&endless)
            .unwrap()
            .set_len(MAXIMUM + 1)
            .unwrap();
        for (path, why) in [
            (folder.path(), "it is no file"),
            (&endless, "it is larger than 1 GiB"),
        ] {
            let settings = Location {
                path: Some(path.to_owned()),
            };
            let error = Atlas::read(&settings).err().unwrap().to_string();
            assert!(error.ends_with(why), "{error}");
        }
        let missing = Location {
            path: Some("/nowhere/places.mmdb".into()),
        };
        let error = Atlas::read(&missing).err().unwrap().to_string();
        assert!(
            error.starts_with("location.path: /nowhere/places.mmdb cannot"),
            "{error}"
        );
        assert!(Atlas::read(&Location::default()).unwrap().is_none());
    }
}
