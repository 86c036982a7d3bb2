//! Passkeys: what WebAuthn registers.

use std::fmt;

use crate::{
    application::{Origin, RpId},
    credential::key::PublicKey,
    id::ApplicationId,
    names::named,
};

named! {
    /// How a client may reach an authenticator (WebAuthn Level 3 §5.8.4).
    Transport {
        /// Over Bluetooth.
        Ble => "ble",
        /// Another device, found by a QR code.
        Hybrid => "hybrid",
        /// It is built into the device.
        Internal => "internal",
        /// Near field communication.
        Nfc => "nfc",
        /// A smart card with contacts.
        SmartCard => "smart-card",
        /// It is plugged in.
        Usb => "usb",
    }
}

/// How the authenticator of a passkey may be reached, as its client said when it was made: a help for choosing
/// the prompt, which nothing is decided by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transports(Vec<Transport>);

impl Transports {
    /// The known ones among these names, each once. What is not known helps nobody, and browsers pass it over.
    pub fn among<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let found: Vec<_> = names.into_iter().filter_map(Transport::named).collect();
        let known = Transport::ALL.iter().copied();
        Self(known.filter(|known| found.contains(known)).collect())
    }

    /// The names, in alphabetical order.
    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|transport| transport.as_str()).collect()
    }

    /// Whether the client said nothing that is known.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The model of an authenticator (WebAuthn §6.5.1, "AAGUID"); all zeros when it does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Aaguid([u8; 16]);

impl Aaguid {
    /// The AAGUID with these bytes.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Who makes authenticators of this model, for people to recognise it by. It proves nothing: without
    /// attestation an authenticator may claim any AAGUID. The all-zero one has no provider.
    pub fn provider(self) -> Option<&'static str> {
        let name = self.to_string();
        providers()
            .find(|(aaguid, _)| *aaguid == name)
            .map(|(_, provider)| provider)
    }
}

/// Every AAGUID of the list, as text, and its provider's name.
fn providers() -> impl Iterator<Item = (&'static str, &'static str)> {
    include_str!("providers.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
}

impl fmt::Display for Aaguid {
    /// In the usual groups of 8-4-4-4-12 hexadecimal digits.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                formatter.write_str("-")?;
            }
            write!(formatter, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// What is kept of a WebAuthn credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passkey {
    /// The key that signs assertions: ES256 (P-256) or RS256 (RSA), the two algorithms offered.
    pub public_key: PublicKey,
    /// The application it was made for.
    pub application: ApplicationId,
    /// The RP id it is bound to.
    pub rp_id: RpId,
    /// The origin it was made on.
    pub origin: Origin,
    /// The model of the authenticator.
    pub aaguid: Aaguid,
    /// The signature counter as last seen; 0 when the authenticator keeps none (WebAuthn §6.1.1).
    pub sign_count: u32,
    /// Whether it may be synced between devices (flag BE).
    pub backup_eligible: bool,
    /// Whether it is synced at present (flag BS).
    pub backed_up: bool,
    /// How its authenticator may be reached.
    pub transports: Transports,
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_provider_of_the_list_is_found_by_an_aaguid_of_its_own() {
        let mut seen = HashSet::new();
        for (text, provider) in providers() {
            let hexadecimal = text.replace('-', "");
            let bytes = data_encoding::HEXLOWER.decode(hexadecimal.as_bytes());
            let aaguid = Aaguid::new(bytes.unwrap().try_into().unwrap());
            assert_eq!(aaguid.to_string(), text);
            assert_eq!(aaguid.provider(), Some(provider));
            assert_eq!(provider.trim(), provider);
            assert!(seen.insert(text), "{text} is listed twice");
        }
        assert!(seen.len() >= 50);
    }

    #[test]
    fn transports_that_are_known_are_kept_once_and_in_one_order() {
        let given = ["usb", "internal", "", "USB", "cable", "usb", "hybrid"];
        let kept = Transports::among(given);
        assert_eq!(kept.names(), ["hybrid", "internal", "usb"]);
        assert_eq!(Transports::among(kept.names()), kept);
        assert!(Transports::among(["cable"]).is_empty());
        assert_eq!(Transports::among([]), Transports::default());
        let names: Vec<_> = Transport::ALL.iter().map(|one| one.as_str()).collect();
        assert!(names.is_sorted());
    }

    #[test]
    fn unknown_authenticators_and_those_that_do_not_tell_have_no_provider() {
        assert_eq!(Aaguid::new([0; 16]).provider(), None);
        assert_eq!(Aaguid::new([1; 16]).provider(), None);
    }

    #[test]
    fn an_aaguid_is_shown_in_groups() {
        let aaguid = Aaguid::new([
            0xea, 0x9b, 0x8d, 0x66, 0x4d, 0x01, 0x1d, 0x21, 0x3c, 0xe4, 0xb6, 0xb4, 0x8c, 0xb5,
            0x75, 0xd4,
        ]);
        assert_eq!(aaguid.as_bytes()[..2], [0xea, 0x9b]);
        assert_eq!(aaguid.to_string(), "ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4");
    }
}
