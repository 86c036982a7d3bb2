//! Key pairs of all supported kinds.

use std::sync::OnceLock;

use aws_lc_rs::{
    digest::{self, Digest as Hash, SHA256, SHA384, SHA512},
    encoding::AsDer as _,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256K1_SHA256_ASN1_SIGNING,
        ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair,
        EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
        RSA_PKCS1_SHA512, RsaKeyPair,
    },
};

/// The kinds of key pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA over NIST P-256.
    P256,
    /// ECDSA over NIST P-384.
    P384,
    /// ECDSA over NIST P-521.
    P521,
    /// ECDSA over secp256k1.
    Secp256k1,
    /// Ed25519.
    Ed25519,
    /// RSA with 2048 bits.
    Rsa2048,
}

impl KeyKind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::P256,
        Self::P384,
        Self::P521,
        Self::Secp256k1,
        Self::Ed25519,
        Self::Rsa2048,
    ];
}

/// The digest a signature is made over; Ed25519 ignores it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Digest {
    /// SHA-256, the default of all published clients.
    #[default]
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Digest {
    fn of(self, message: &[u8]) -> Hash {
        let algorithm = match self {
            Self::Sha256 => &SHA256,
            Self::Sha384 => &SHA384,
            Self::Sha512 => &SHA512,
        };
        digest::digest(algorithm, message)
    }
}

/// A private key with its public half.
pub struct KeyPair {
    kind: KeyKind,
    private: Private,
}

enum Private {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    // Making one takes long, so all tests of a process share it.
    Rsa(&'static RsaKeyPair),
}

impl KeyPair {
    /// A new pair; pairs of RSA are one and the same in a process.
    pub fn generate(kind: KeyKind) -> Self {
        let private = match kind {
            KeyKind::P256 => ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING),
            KeyKind::P384 => ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING),
            KeyKind::P521 => ecdsa(&ECDSA_P521_SHA512_ASN1_SIGNING),
            KeyKind::Secp256k1 => ecdsa(&ECDSA_P256K1_SHA256_ASN1_SIGNING),
            KeyKind::Ed25519 => {
                Private::Ed25519(Ed25519KeyPair::generate().expect("a key is generated"))
            }
            KeyKind::Rsa2048 => Private::Rsa(rsa()),
        };
        Self { kind, private }
    }

    /// Its kind.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The SubjectPublicKeyInfo of the public half.
    pub fn spki_der(&self) -> Vec<u8> {
        match &self.private {
            Private::Ecdsa(pair) => pair.public_key().as_der(),
            Private::Ed25519(pair) => pair.public_key().as_der(),
            Private::Rsa(pair) => pair.public_key().as_der(),
        }
        .expect("a public key can be written")
        .as_ref()
        .to_vec()
    }

    /// The public half as its algorithm sees it: an uncompressed point, 32 bytes, or an RSAPublicKey.
    pub fn public_bytes(&self) -> &[u8] {
        match &self.private {
            Private::Ecdsa(pair) => pair.public_key().as_ref(),
            Private::Ed25519(pair) => pair.public_key().as_ref(),
            Private::Rsa(pair) => pair.public_key().as_ref(),
        }
    }

    /// Signs a message: ECDSA as DER, RSA as PKCS#1 v1.5.
    pub fn sign(&self, digest: Digest, message: &[u8]) -> Vec<u8> {
        match &self.private {
            Private::Ecdsa(pair) => pair
                .sign_digest(&self.fitting(&digest.of(message)))
                .expect("a digest is signed")
                .as_ref()
                .to_vec(),
            Private::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Private::Rsa(pair) => sign_rsa(pair, digest, message),
        }
    }

    /// The digest as the number that is signed, in the size the library has for the curve: longer ones
    /// are cut, shorter ones get zeros before them (SEC 1 §4.1.3).
    fn fitting(&self, hash: &Hash) -> Hash {
        let algorithm = match self.kind {
            KeyKind::P384 => &SHA384,
            KeyKind::P521 => &SHA512,
            KeyKind::P256 | KeyKind::Secp256k1 | KeyKind::Ed25519 | KeyKind::Rsa2048 => &SHA256,
        };
        let length = algorithm.output_len();
        let hash = hash.as_ref();
        let zeros = vec![0; length.saturating_sub(hash.len())];
        let number: Vec<u8> = zeros.iter().chain(hash).copied().take(length).collect();
        Hash::import_less_safe(&number, algorithm).expect("the length is that of the digest")
    }
}

fn ecdsa(algorithm: &'static EcdsaSigningAlgorithm) -> Private {
    Private::Ecdsa(EcdsaKeyPair::generate(algorithm).expect("a key is generated"))
}

fn rsa() -> &'static RsaKeyPair {
    static PAIR: OnceLock<RsaKeyPair> = OnceLock::new();
    PAIR.get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).expect("a key is generated"))
}

fn sign_rsa(pair: &RsaKeyPair, digest: Digest, message: &[u8]) -> Vec<u8> {
    let encoding = match digest {
        Digest::Sha256 => &RSA_PKCS1_SHA256,
        Digest::Sha384 => &RSA_PKCS1_SHA384,
        Digest::Sha512 => &RSA_PKCS1_SHA512,
    };
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(encoding, &SystemRandom::new(), message, &mut signature)
        .expect("a message is signed");
    signature
}
