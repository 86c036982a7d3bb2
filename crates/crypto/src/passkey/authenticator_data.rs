//! Authenticator data (WebAuthn §6.1).

use latchkey_domain::credential::passkey::Aaguid;

use super::cbor;

/// Flag AT: attested credential data follow.
const ATTESTED: u8 = 0x40;
/// Flag ED: extensions follow.
const EXTENSIONS: u8 = 0x80;
/// Flag BE: the passkey may be backed up.
const BACKUP_ELIGIBLE: u8 = 0x08;
/// Flag BS: the passkey is backed up at present.
const BACKED_UP: u8 = 0x10;

/// Authenticator data of which every byte is accounted for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AuthenticatorData<'a> {
    /// SHA-256 of the RP id.
    pub(super) rp_id_hash: &'a [u8],
    /// The signature counter.
    pub(super) sign_count: u32,
    /// Whether the passkey may be backed up.
    pub(super) backup_eligible: bool,
    /// Whether it is backed up at present.
    pub(super) backed_up: bool,
    /// What was attested.
    pub(super) attested: Option<Attested<'a>>,
}

/// Attested credential data (WebAuthn §6.5.1), without the public key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Attested<'a> {
    /// The model of the authenticator.
    pub(super) aaguid: Aaguid,
    /// The credential id.
    pub(super) credential_id: &'a [u8],
}

impl<'a> AuthenticatorData<'a> {
    /// Reads authenticator data; nothing may follow them.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes;
        let rp_id_hash = take(&mut rest, 32)?;
        let [flags] = take_array(&mut rest)?;
        let sign_count = u32::from_be_bytes(take_array(&mut rest)?);
        let attested = if flags & ATTESTED == 0 {
            None
        } else {
            Some(attested(&mut rest)?)
        };
        if flags & EXTENSIONS != 0 {
            skip_map(&mut rest)?;
        }
        rest.is_empty().then_some(Self {
            rp_id_hash,
            sign_count,
            backup_eligible: flags & BACKUP_ELIGIBLE != 0,
            backed_up: flags & BACKED_UP != 0,
            attested,
        })
    }
}

fn attested<'a>(rest: &mut &'a [u8]) -> Option<Attested<'a>> {
    let aaguid = Aaguid::new(take_array(rest)?);
    let length = u16::from_be_bytes(take_array(rest)?);
    let credential_id = take(rest, usize::from(length))?;
    skip_map(rest)?;
    Some(Attested {
        aaguid,
        credential_id,
    })
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, remainder) = rest.split_at_checked(length)?;
    *rest = remainder;
    Some(taken)
}

fn take_array<const LENGTH: usize>(rest: &mut &[u8]) -> Option<[u8; LENGTH]> {
    take(rest, LENGTH)?.try_into().ok()
}

/// Skips one CBOR map: a public key or the extensions.
fn skip_map(rest: &mut &[u8]) -> Option<()> {
    cbor::take(rest)?.is_map().then_some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn data(flags: u8, rest: &[u8]) -> Vec<u8> {
        [&[1; 32], &[flags][..], &[0, 0, 1, 2], rest].concat()
    }

    const EMPTY_MAP: u8 = 0xa0;

    #[test]
    fn plain_data_are_read() {
        let bytes = data(0x1d, &[]);
        let read = AuthenticatorData::read(&bytes).unwrap();
        assert_eq!(read.rp_id_hash, [1; 32]);
        assert_eq!(read.sign_count, 258);
        assert!(read.backup_eligible && read.backed_up);
        assert_eq!(read.attested, None);
    }

    #[test]
    fn attested_data_and_extensions_are_read() {
        let attested = [&[7; 16][..], &[0, 3], b"abc", &[EMPTY_MAP]].concat();
        let bytes = data(0xc5, &[&attested[..], &[EMPTY_MAP]].concat());
        let read = AuthenticatorData::read(&bytes).unwrap();
        assert!(!read.backup_eligible && !read.backed_up);
        let attested = read.attested.unwrap();
        assert_eq!(attested.aaguid, Aaguid::new([7; 16]));
        assert_eq!(attested.credential_id, b"abc");
    }

    #[test]
    fn bytes_too_few_or_too_many_are_refused() {
        let attested = [&[7; 16][..], &[0, 3], b"abc", &[EMPTY_MAP]].concat();
        let whole = data(0xc5, &[&attested[..], &[EMPTY_MAP]].concat());
        for length in 0..whole.len() {
            assert_eq!(AuthenticatorData::read(&whole[..length]), None, "{length}");
        }
        assert_eq!(AuthenticatorData::read(&[&whole[..], &[0]].concat()), None);
        assert_eq!(AuthenticatorData::read(&data(0x05, &[EMPTY_MAP])), None);
    }

    #[test]
    fn keys_and_extensions_that_are_no_maps_are_refused() {
        assert_eq!(AuthenticatorData::read(&data(0x85, &[0x80])), None);
        let attested = [&[7; 16][..], &[0, 3], b"abc", &[0x01]].concat();
        assert_eq!(AuthenticatorData::read(&data(0x45, &attested)), None);
    }

    proptest! {
        #[test]
        fn reading_never_panics(flags: u8, rest in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = AuthenticatorData::read(&rest);
            let _ = AuthenticatorData::read(&data(flags, &rest));
        }
    }
}
