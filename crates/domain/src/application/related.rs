//! Related origins (WebAuthn Level 3 §5.11): pages that may use an RP id which does not cover them,
//! because the host of the RP id lists them in `/.well-known/webauthn`.

use std::collections::BTreeSet;

use super::{Origin, RpId};

/// How many different labels every browser looks at; it may leave out origins with further ones
/// (WebAuthn Level 3 §5.11.1, `maxLabels`).
pub const MAXIMUM_LABELS: usize = 5;

/// An RP id is used on origins with more labels than every browser looks at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the origins of the RP id {rp_id} have {labels} different names before their public suffix; browsers \
     need to look at {MAXIMUM_LABELS} only, so passkeys may not work on all of these origins"
)]
pub struct TooManyLabels {
    /// The RP id.
    pub rp_id: RpId,
    /// How many labels its origins have.
    pub labels: usize,
}

/// Tells whether browsers look at all origins that one RP id is used on.
///
/// # Errors
/// [`TooManyLabels`] when they may leave out some.
pub fn check_labels<'a>(
    rp_id: &RpId,
    origins: impl IntoIterator<Item = &'a Origin>,
) -> Result<(), TooManyLabels> {
    let labels: BTreeSet<_> = origins.into_iter().filter_map(label).collect();
    if labels.len() > MAXIMUM_LABELS {
        Err(TooManyLabels {
            rp_id: rp_id.clone(),
            labels: labels.len(),
        })
    } else {
        Ok(())
    }
}

/// The registrable origin label (WebAuthn Level 3 §5.11): what stands before the public suffix, such as
/// `example` in `https://shop.example.co.uk`.
fn label(origin: &Origin) -> Option<String> {
    let host = origin.host()?;
    let label = psl::domain_str(&host)?.split('.').next()?;
    Some(label.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(texts: &[&str]) -> Vec<Origin> {
        texts
            .iter()
            .map(|text| Origin::new(*text).unwrap())
            .collect()
    }

    #[test]
    fn a_label_stands_before_the_public_suffix() {
        for (origin, expected) in [
            ("https://example.com", Some("example")),
            ("https://a.b.example.co.uk:8443", Some("example")),
            ("https://ada.github.io", Some("ada")),
            ("https://one.example", Some("one")),
            ("http://one.localhost:8080", Some("one")),
            ("http://localhost", None),
            ("https://co.uk", None),
            ("https://10.0.0.1", None),
            (
                "android:apk-key-hash:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
                None,
            ),
        ] {
            let origin = Origin::new(origin).unwrap();
            assert_eq!(label(&origin).as_deref(), expected, "{origin}");
        }
    }

    #[test]
    fn a_sixth_label_is_one_too_many() {
        let rp_id = RpId::new("a.com").unwrap();
        let mut origins = origins(&[
            "https://a.com",
            "https://login.a.com",
            "https://a.co.uk",
            "https://b.com",
            "https://c.com",
            "https://d.com",
            "https://e.com",
        ]);
        assert_eq!(check_labels(&rp_id, &origins), Ok(()));
        origins.push(Origin::new("https://f.com").unwrap());
        let refused = check_labels(&rp_id, &origins);
        assert_eq!(refused, Err(TooManyLabels { rp_id, labels: 6 }));
    }
}
