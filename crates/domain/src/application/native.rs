//! Native applications: the programs on phones that use an application's RP id.

use std::fmt;

use super::{APK_KEY_HASH, Origin};

/// The name of an Android application (`applicationId`), such as `com.example.app`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AndroidPackage(String);

/// A text that is not the name of an Android application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be an Android package name such as com.example.app: two parts or more of letters, digits and \
     underscores, each beginning with a letter, 255 characters at most"
)]
pub struct AndroidPackageError;

impl AndroidPackage {
    /// Accepts a name that Android accepts ("Set the application ID" of the Android developer guide).
    ///
    /// # Errors
    /// [`AndroidPackageError`].
    pub fn new(text: impl Into<String>) -> Result<Self, AndroidPackageError> {
        let text = text.into();
        let is_part = |part: &str| {
            part.starts_with(|first: char| first.is_ascii_alphabetic())
                && part
                    .chars()
                    .all(|symbol| symbol.is_ascii_alphanumeric() || symbol == '_')
        };
        if text.len() <= 255 && text.contains('.') && text.split('.').all(is_part) {
            Ok(Self(text))
        } else {
            Err(AndroidPackageError)
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AndroidPackage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The name of an Apple application: the prefix of its App ID, usually the team's, and its bundle
/// identifier, such as `A1B2C3D4E5.com.example.app`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppleAppId(String);

/// A text that is not the name of an Apple application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be an App ID such as A1B2C3D4E5.com.example.app: ten capital letters or digits, a dot, and the \
     bundle identifier of letters, digits, hyphens and dots, 255 characters at most"
)]
pub struct AppleAppIdError;

/// How many characters the prefix of an App ID has.
const APPLE_PREFIX: usize = 10;

impl AppleAppId {
    /// Accepts a prefix and a bundle identifier in Apple's form (`CFBundleIdentifier`).
    ///
    /// # Errors
    /// [`AppleAppIdError`].
    pub fn new(text: impl Into<String>) -> Result<Self, AppleAppIdError> {
        let text = text.into();
        let is_part = |part: &str| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|symbol| symbol.is_ascii_alphanumeric() || symbol == '-')
        };
        let is_app_id = text.split_once('.').is_some_and(|(prefix, bundle)| {
            prefix.len() == APPLE_PREFIX
                && prefix
                    .chars()
                    .all(|symbol| symbol.is_ascii_uppercase() || symbol.is_ascii_digit())
                && bundle.split('.').all(is_part)
        });
        if text.len() <= 255 && is_app_id {
            Ok(Self(text))
        } else {
            Err(AppleAppIdError)
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AppleAppId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The native applications that use an application's RP id. The RP id's host names them in the files
/// that Android and Apple devices look for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NativeApplications {
    /// The one for Android. The certificates it is signed with are the application's
    /// `android:apk-key-hash:` origins.
    pub android: Option<AndroidPackage>,
    /// The one for Apple's devices.
    pub apple: Option<AppleAppId>,
}

impl Origin {
    /// The SHA-256 of the certificate that an Android application is signed with; absent for pages.
    pub fn certificate_digest(&self) -> Option<Vec<u8>> {
        let hash = self.0.strip_prefix(APK_KEY_HASH)?;
        data_encoding::BASE64URL_NOPAD.decode(hash.as_bytes()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn android_names_are_as_android_has_them() {
        let long = format!("com.{}", "a".repeat(251));
        for text in ["com.example", "com.Example.app_2.b", long.as_str()] {
            assert_eq!(AndroidPackage::new(text).unwrap().to_string(), text);
        }
        let too_long = format!("{long}a");
        for text in [
            "",
            "com",
            "com.",
            ".com",
            "com..example",
            "com.1example",
            "com._example",
            "com.exa-mple",
            "com.exämple",
            "com.example\n",
            "\"com.example",
            too_long.as_str(),
        ] {
            assert_eq!(
                AndroidPackage::new(text),
                Err(AndroidPackageError),
                "{text}"
            );
        }
    }

    #[test]
    fn apple_names_are_a_prefix_and_a_bundle_identifier() {
        let long = format!("A1B2C3D4E5.{}", "a".repeat(244));
        for text in [
            "A1B2C3D4E5.com.example.app",
            "0123456789.app",
            "ABCDEFGHIJ.com.Example-2.app",
            long.as_str(),
        ] {
            assert_eq!(AppleAppId::new(text).unwrap().to_string(), text);
        }
        let too_long = format!("{long}a");
        for text in [
            "",
            "com.example.app",
            "A1B2C3D4E5",
            "A1B2C3D4E5.",
            "A1B2C3D4E5.com.",
            "A1B2C3D4E5..com",
            "A1B2C3D4E.com.example",
            "A1B2C3D4E55.com.example",
            "a1b2c3d4e5.com.example",
            "A1B2C3D4E5.com.exa_mple",
            "A1B2C3D4E5.com.example ",
            too_long.as_str(),
        ] {
            assert_eq!(AppleAppId::new(text), Err(AppleAppIdError), "{text}");
        }
    }

    #[test]
    fn the_certificate_is_told_by_the_origin() {
        let origin =
            Origin::new("android:apk-key-hash:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
        let digest = origin.unwrap().certificate_digest().unwrap();
        assert_eq!((digest.len(), digest[0], digest[31]), (32, 0xe3, 0x55));
        let page = Origin::new("https://example.com").unwrap();
        assert_eq!(page.certificate_digest(), None);
    }
}
