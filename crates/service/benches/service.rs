//! What it costs to count a try, for one caller and while very many call.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use divan::Bencher;
use latchkey_crypto::clock::SystemClock;
use latchkey_domain::{credential_code::CodeForm, policy::Limits};
use latchkey_service::throttle::{CodeTry, Owner, Throttle};

fn main() {
    divan::main();
}

/// How many addresses call in turn; the throttle tells 65,536 apart.
const ADDRESSES: [u32; 3] = [1, 1_000, 1_000_000];

fn throttle() -> Throttle {
    Throttle::new(Limits::default(), Arc::new(SystemClock))
}

/// So many addresses in turn, for ever.
fn addresses(number: u32) -> impl Iterator<Item = IpAddr> {
    (0..number)
        .cycle()
        .map(|address| Ipv4Addr::from(address).into())
}

/// A short code of somebody who is named: three limits. It is right, so what was counted is given back.
#[divan::bench(args = ADDRESSES)]
fn trying_a_right_code(bencher: Bencher<'_, '_>, number: u32) {
    let (throttle, mut addresses) = (throttle(), addresses(number));
    bencher.bench_local(|| {
        let attempt = CodeTry {
            address: addresses.next()?,
            form: CodeForm::Short,
            owner: Owner::Credential(Some("ada@example.com")),
        };
        let counted = throttle.reserve_code(&attempt).ok()?;
        throttle.give_back(counted);
        Some(())
    });
}

/// One limit. With one address most are refused; with a million the oldest windows are crowded out.
#[divan::bench(args = ADDRESSES)]
fn beginning_a_sign_in(bencher: Bencher<'_, '_>, number: u32) {
    let (throttle, mut addresses) = (throttle(), addresses(number));
    bencher.bench_local(|| {
        let address = addresses.next()?;
        throttle.count_login(address).ok()
    });
}
