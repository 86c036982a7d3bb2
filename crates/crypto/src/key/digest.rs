//! The digest that a signature is made over.

use latchkey_service::ports::proof_verifier::ProofError;

/// The digest that a client names with its signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DigestName {
    /// None named: the key's default.
    Default,
    /// `SHA256`, or `RSA-SHA256`, which Node knows as another name of the same digest.
    Sha256,
    /// `SHA384`.
    Sha384,
    /// `SHA512`.
    Sha512,
}

impl DigestName {
    /// Reads `algorithm` of a proof; `part` is the member it belongs to.
    pub(crate) fn parse(name: Option<&str>, part: &'static str) -> Result<Self, ProofError> {
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            return Ok(Self::Default);
        };
        match name.to_ascii_uppercase().as_str() {
            "SHA256" | "RSA-SHA256" => Ok(Self::Sha256),
            "SHA384" => Ok(Self::Sha384),
            "SHA512" => Ok(Self::Sha512),
            _ => Err(ProofError::Malformed {
                part,
                problem: "names an unknown algorithm; use RSA-SHA256, SHA256, SHA384 or SHA512",
            }),
        }
    }
}
