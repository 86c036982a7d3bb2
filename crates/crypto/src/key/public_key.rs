//! Public keys: which kinds are supported, how they are written, and how they verify.

use aws_lc_rs::{
    digest::{self, Digest, SHA256, SHA384, SHA512},
    signature::{
        ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P256_SHA512_ASN1,
        ECDSA_P256K1_SHA256_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1,
        ECDSA_P384_SHA512_ASN1, ECDSA_P521_SHA256_ASN1, ECDSA_P521_SHA384_ASN1,
        ECDSA_P521_SHA512_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
        RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, VerificationAlgorithm,
    },
};
use latchkey_domain::credential::key::PublicKey;
use latchkey_service::ports::proof_verifier::ProofError;
use spki::{
    AlgorithmIdentifierRef, ObjectIdentifier, SubjectPublicKeyInfoRef,
    der::{
        Decode as _, Encode as _, Reader as _, SliceReader, Tag,
        asn1::{AnyRef, BitStringRef, UintRef},
    },
};

use super::{
    digest::DigestName,
    pem::{self, Pem},
};

/// A public key of a supported kind and strength.
pub(crate) struct VerifyingKey {
    family: Family,
    /// What the family's algorithms verify with: a point, or an RSAPublicKey.
    bytes: Vec<u8>,
}

/// The kinds of keys that are supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// ECDSA over NIST P-256.
    P256,
    /// ECDSA over NIST P-384.
    P384,
    /// ECDSA over NIST P-521.
    P521,
    /// ECDSA over secp256k1.
    Secp256k1,
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// RSA of 2048 to 8192 bits, PKCS#1 v1.5.
    Rsa,
}

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const SECP256K1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.10");
const ED25519_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// How many bits the modulus of an RSA key can have.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

impl VerifyingKey {
    /// Reads a key that a client offers as PEM.
    pub(crate) fn from_pem(text: &str) -> Result<Self, ProofError> {
        match pem::decode(text) {
            Some(Pem::Spki(der)) => Self::from_spki(&der)?.offered(),
            Some(Pem::RsaPublicKey(der)) => Self::new(Family::Rsa, der)?.offered(),
            None => Err(malformed(
                "must have a publicKey in PEM, as BEGIN PUBLIC KEY or BEGIN RSA PUBLIC KEY",
            )),
        }
    }

    /// A P-256 key that an authenticator offers, from its affine coordinates.
    pub(crate) fn p256(x: &[u8], y: &[u8]) -> Result<Self, ProofError> {
        Self::new(Family::P256, [&[UNCOMPRESSED], x, y].concat())?.offered()
    }

    /// An RSA key that an authenticator offers, from its big-endian modulus and exponent.
    pub(crate) fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, ProofError> {
        let der = rsa_public_key_der(modulus, exponent)
            .map_err(|_not_encodable| ProofError::UnsupportedKey)?;
        Self::new(Family::Rsa, der)?.offered()
    }

    /// Reads a key that is kept. Whether the library takes it shows when it verifies: to ask before, as of
    /// one that is offered, would parse it a second time.
    pub(crate) fn kept(key: &PublicKey) -> Result<Self, ProofError> {
        Self::from_spki(key.spki_der())
    }

    /// Reads a SubjectPublicKeyInfo.
    fn from_spki(der: &[u8]) -> Result<Self, ProofError> {
        let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_not_der| {
            malformed("must have a SubjectPublicKeyInfo in DER as its publicKey")
        })?;
        let family = Family::of(&info.algorithm).ok_or(ProofError::UnsupportedKey)?;
        let key = info
            .subject_public_key
            .as_bytes()
            .ok_or(ProofError::UnsupportedKey)?;
        Self::new(family, key.to_vec())
    }

    fn new(family: Family, bytes: Vec<u8>) -> Result<Self, ProofError> {
        if family.fits(&bytes) {
            Ok(Self { family, bytes })
        } else {
            Err(ProofError::UnsupportedKey)
        }
    }

    /// Requires that the library takes the key: it checks that a point is on its curve and that RSA
    /// components are sane.
    pub(crate) fn offered(self) -> Result<Self, ProofError> {
        self.parsed(DigestName::Default)?;
        Ok(self)
    }

    fn parsed(&self, digest: DigestName) -> Result<ParsedPublicKey, ProofError> {
        let algorithm = self.family.algorithm(digest).ok_or(ProofError::Mismatch)?;
        ParsedPublicKey::new(algorithm, &self.bytes).map_err(|_rejected| ProofError::UnsupportedKey)
    }

    /// Its kind.
    pub(crate) const fn family(&self) -> Family {
        self.family
    }

    /// The key as the domain keeps it.
    pub(crate) fn public_key(&self) -> Result<PublicKey, ProofError> {
        self.family
            .spki_der(&self.bytes)
            .map(PublicKey::from_spki_der)
            .map_err(|_not_encodable| ProofError::UnsupportedKey)
    }

    /// Verifies a signature over a message. That the digest does not go with the key is told of a true one alone, so
    /// that an untrue one costs a verification whatever the key is.
    pub(crate) fn verify(
        &self,
        digest: DigestName,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), ProofError> {
        let fits = self.family.algorithm(digest).is_some();
        let digest = if fits { digest } else { DigestName::Default };
        let key = self.parsed(digest)?;
        let verified = if self.family == Family::Secp256k1 {
            verify_secp256k1(&key, digest, message, signature)
        } else {
            key.verify_sig(message, signature).ok()
        };
        match verified {
            None => Err(ProofError::Signature),
            Some(()) if fits => Ok(()),
            Some(()) => Err(ProofError::Mismatch),
        }
    }
}

/// Longer digests are truncated to the size of the curve (SEC 1 §4.1.4). The library knows this curve with
/// SHA-256 alone, so it is given the first 32 bytes as if they were that.
fn verify_secp256k1(
    key: &ParsedPublicKey,
    name: DigestName,
    message: &[u8],
    signature: &[u8],
) -> Option<()> {
    let algorithm = match name {
        DigestName::Default | DigestName::Sha256 => &SHA256,
        DigestName::Sha384 => &SHA384,
        DigestName::Sha512 => &SHA512,
    };
    let whole = digest::digest(algorithm, message);
    let truncated = whole.as_ref().get(..32)?;
    let digest = Digest::import_less_safe(truncated, &SHA256).ok()?;
    key.verify_digest_sig(&digest, signature).ok()
}

impl Family {
    fn of(algorithm: &AlgorithmIdentifierRef<'_>) -> Option<Self> {
        match (algorithm.oid, algorithm.parameters) {
            (EC_PUBLIC_KEY, Some(curve)) => match curve.decode_as::<ObjectIdentifier>().ok()? {
                P256 => Some(Self::P256),
                P384 => Some(Self::P384),
                P521 => Some(Self::P521),
                SECP256K1 => Some(Self::Secp256k1),
                _ => None,
            },
            (ED25519_OID, None) => Some(Self::Ed25519),
            (RSA_ENCRYPTION, Some(parameters)) if parameters.is_null() => Some(Self::Rsa),
            _ => None,
        }
    }

    /// How ECDSA, Ed25519 and RSA verify with this kind of key; nothing if the digest does not go with
    /// it. secp256k1 has its own way to digest.
    fn algorithm(self, digest: DigestName) -> Option<&'static dyn VerificationAlgorithm> {
        use DigestName::{Default, Sha256, Sha384, Sha512};
        Some(match (self, digest) {
            (Self::P256, Default | Sha256) => &ECDSA_P256_SHA256_ASN1,
            (Self::P256, Sha384) => &ECDSA_P256_SHA384_ASN1,
            (Self::P256, Sha512) => &ECDSA_P256_SHA512_ASN1,
            (Self::P384, Default | Sha256) => &ECDSA_P384_SHA256_ASN1,
            (Self::P384, Sha384) => &ECDSA_P384_SHA384_ASN1,
            (Self::P384, Sha512) => &ECDSA_P384_SHA512_ASN1,
            (Self::P521, Default | Sha256) => &ECDSA_P521_SHA256_ASN1,
            (Self::P521, Sha384) => &ECDSA_P521_SHA384_ASN1,
            (Self::P521, Sha512) => &ECDSA_P521_SHA512_ASN1,
            (Self::Secp256k1, _) => &ECDSA_P256K1_SHA256_ASN1,
            (Self::Ed25519, Default) => &ED25519,
            (Self::Ed25519, Sha256 | Sha384 | Sha512) => return None,
            (Self::Rsa, Default | Sha256) => &RSA_PKCS1_2048_8192_SHA256,
            (Self::Rsa, Sha384) => &RSA_PKCS1_2048_8192_SHA384,
            (Self::Rsa, Sha512) => &RSA_PKCS1_2048_8192_SHA512,
        })
    }

    /// Whether the bytes have the form of a key of this kind that is strong enough.
    fn fits(self, bytes: &[u8]) -> bool {
        match self {
            Self::P256 | Self::Secp256k1 => is_uncompressed_point(bytes, 32),
            Self::P384 => is_uncompressed_point(bytes, 48),
            Self::P521 => is_uncompressed_point(bytes, 66),
            Self::Ed25519 => bytes.len() == 32 && !has_small_order(bytes),
            Self::Rsa => read_rsa_public_key(bytes)
                .is_some_and(|(modulus, _)| RSA_BITS.contains(&bits(modulus))),
        }
    }

    fn spki_der(self, bytes: &[u8]) -> spki::der::Result<Vec<u8>> {
        let (oid, curve) = match self {
            Self::P256 => (EC_PUBLIC_KEY, Some(P256)),
            Self::P384 => (EC_PUBLIC_KEY, Some(P384)),
            Self::P521 => (EC_PUBLIC_KEY, Some(P521)),
            Self::Secp256k1 => (EC_PUBLIC_KEY, Some(SECP256K1)),
            Self::Ed25519 => (ED25519_OID, None),
            Self::Rsa => (RSA_ENCRYPTION, None),
        };
        let parameters = match &curve {
            Some(curve) => Some(AnyRef::new(Tag::ObjectIdentifier, curve.as_bytes())?),
            None => (self == Self::Rsa).then_some(AnyRef::NULL),
        };
        SubjectPublicKeyInfoRef {
            algorithm: AlgorithmIdentifierRef { oid, parameters },
            subject_public_key: BitStringRef::from_bytes(bytes)?,
        }
        .to_der()
    }
}

/// The first byte of a point that gives both coordinates (SEC 1 §2.3.3).
const UNCOMPRESSED: u8 = 4;

fn is_uncompressed_point(bytes: &[u8], coordinate: usize) -> bool {
    bytes.len() == 1 + 2 * coordinate && bytes.first() == Some(&UNCOMPRESSED)
}

/// How many bits a big-endian number without leading zero bytes has.
fn bits(number: &[u8]) -> usize {
    let Some(first) = number.first() else {
        return 0;
    };
    let unused = usize::try_from(first.leading_zeros()).unwrap_or(8);
    number.len() * 8 - unused
}

/// Modulus and exponent of an RSAPublicKey (RFC 8017 §A.1.1).
fn read_rsa_public_key(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut reader = SliceReader::new(der).ok()?;
    let (modulus, exponent) = reader
        .sequence(|reader| {
            Ok::<_, spki::der::Error>((UintRef::decode(reader)?, UintRef::decode(reader)?))
        })
        .ok()?;
    reader.finish().ok()?;
    Some((modulus.as_bytes(), exponent.as_bytes()))
}

fn rsa_public_key_der(modulus: &[u8], exponent: &[u8]) -> spki::der::Result<Vec<u8>> {
    let mut content = UintRef::new(modulus)?.to_der()?;
    content.extend(UintRef::new(exponent)?.to_der()?);
    AnyRef::new(Tag::Sequence, &content)?.to_der()
}

/// Whether an Ed25519 key is one of the points of small order, under which anybody can sign: some
/// signatures are valid for every eighth message (RFC 8032 §5.1.7 with A of order 8 or less). These
/// are all their encodings, the sign bit aside.
fn has_small_order(point: &[u8]) -> bool {
    let encodings: [[u8; 32]; 7] = [
        [0; 32],
        little_endian(0x01, 0x00, 0x00),
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef,
            0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88,
            0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10,
            0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77,
            0x92, 0xac, 0x03, 0x7a,
        ],
        little_endian(0xec, 0xff, 0x7f),
        little_endian(0xed, 0xff, 0x7f),
        little_endian(0xee, 0xff, 0x7f),
    ];
    encodings.iter().any(|encoding| {
        encoding
            .iter()
            .zip(point)
            .enumerate()
            .all(|(index, (left, right))| {
                let sign_bit = if index == 31 { 0x80 } else { 0 };
                *left == right & !sign_bit
            })
    })
}

const fn little_endian(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

const fn malformed(problem: &'static str) -> ProofError {
    ProofError::Malformed {
        part: "attestationData",
        problem,
    }
}
