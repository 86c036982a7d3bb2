//! Telling roughly where an address is.

use std::net::IpAddr;

use crate::live::Live;

/// Tells roughly where an address is, by what somebody has collected about addresses, such as a file of the operator.
/// Whoever decides about what was made or asked for elsewhere is shown it beside the address.
///
/// It is a hint and decides nothing: it is wrong for who comes through a VPN, a mobile network or a company, and
/// nothing is kept of it. It is called while a request is answered, so it must return at once, and no address may
/// leave the installation for it.
pub trait Locator: Send + Sync {
    /// A place to be shown to people, in English, such as `Berlin, Germany`; none for an address that is private, or
    /// that nothing is known of.
    fn locate(&self, address: IpAddr) -> Option<String>;
}

/// Nobody knows where any address is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unlocated;

impl Locator for Unlocated {
    fn locate(&self, _address: IpAddr) -> Option<String> {
        None
    }
}

/// As far as there is one at this moment.
impl<L: Locator> Locator for Live<Option<L>> {
    fn locate(&self, address: IpAddr) -> Option<String> {
        (**self.read()).as_ref()?.locate(address)
    }
}
