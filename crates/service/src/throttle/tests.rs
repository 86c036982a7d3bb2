use std::{
    net::{Ipv4Addr, Ipv6Addr},
    sync::atomic::{AtomicI64, Ordering},
};

use super::*;
use crate::{
    code_requests::FindRequestError,
    ports::{clock::MockClock, store::StoreError},
    testing::{organization, user},
};

const START: i64 = 1_000_000;

const MINUTE: i64 = 60_000;

/// A throttle, and its clock in milliseconds.
fn throttle_of(limits: Limits) -> (Throttle, Arc<AtomicI64>) {
    let now = Arc::new(AtomicI64::new(START));
    let read = Arc::clone(&now);
    let mut clock = MockClock::new();
    clock
        .expect_now()
        .returning(move || Timestamp::from_unix_milliseconds(read.load(Ordering::Relaxed)));
    (Throttle::new(limits, Arc::new(clock)), now)
}

fn throttle() -> (Throttle, Arc<AtomicI64>) {
    throttle_of(Limits::default())
}

fn address(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(number))
}

fn attempt(number: u32, form: CodeForm) -> CodeTry<'static> {
    CodeTry {
        address: address(number),
        form,
        owner: Owner::Credential(None),
    }
}

const SHORT: CodeForm = CodeForm::Short;

const LONG: CodeForm = CodeForm::Long;

/// Whether a try of a short code of that owner is looked up.
fn tries(throttle: &Throttle, number: u32, owner: Owner<'_>) -> bool {
    let attempt = CodeTry {
        owner,
        ..attempt(number, SHORT)
    };
    throttle.reserve_code(&attempt).is_ok()
}

#[test]
fn the_eleventh_wrong_code_of_an_address_is_refused() {
    let (throttle, _now) = throttle();
    for _ in 0..10 {
        assert!(throttle.reserve_code(&attempt(1, SHORT)).is_ok());
    }
    let refused = throttle.reserve_code(&attempt(1, LONG)).err().unwrap();
    assert_eq!(refused.retry_after, Duration::from_secs(61));
    assert!(throttle.reserve_code(&attempt(2, SHORT)).is_ok());
}

#[test]
fn each_kind_of_code_has_tries_of_its_own() {
    let (throttle, _now) = throttle();
    let organization = organization(1);
    let of = |kind, username: &str| {
        let attempt = CodeTry {
            owner: Owner::Account(&organization, username, kind),
            ..attempt(1, LONG)
        };
        throttle.reserve_code(&attempt).is_ok()
    };
    for _ in 0..10 {
        assert!(throttle.reserve_code(&attempt(1, SHORT)).is_ok());
    }
    // With a username or without, a credential code is one.
    assert!(!tries(&throttle, 1, Owner::Credential(Some("ada"))));
    for &kind in AccountCodeKind::ALL {
        for number in 0..10 {
            assert!(of(kind, &number.to_string()), "{kind}");
        }
        assert!(!of(kind, "ada"), "{kind}");
    }
    let user = user(1).id;
    for _ in 0..5 {
        assert!(tries(&throttle, 1, Owner::Request(&user)));
    }
    assert!(!tries(&throttle, 1, Owner::Request(&user)));
}

#[test]
fn a_place_asks_ten_times_a_minute_and_an_organization_is_asked_three_hundred_times() {
    let (throttle, _now) = throttle();
    let [one, two] = [organization(1), organization(2)];
    for number in 0..30 {
        for _ in 0..10 {
            assert!(throttle.count_code_request(address(number), &one).is_ok());
        }
        // Whomever it asks.
        assert!(throttle.count_code_request(address(number), &two).is_err());
    }
    assert!(throttle.count_code_request(address(99), &one).is_err());
    assert!(throttle.count_code_request(address(99), &two).is_ok());
}

/// Whether somebody at an address may do something.
type Asks<'a> = &'a dyn Fn(&Throttle, IpAddr) -> bool;

#[test]
fn who_has_many_addresses_of_one_network_keeps_nobody_elsewhere_from_anything() {
    let (one, ada) = (organization(1), Owner::Credential(Some("ada")));
    let user = user(1).id;
    let short = |throttle: &Throttle, address, owner| {
        let attempt = CodeTry {
            address,
            form: SHORT,
            owner,
        };
        throttle.reserve_code(&attempt).is_ok()
    };
    let nobody = Owner::Credential(None);
    let cases: [(Asks<'_>, usize); 6] = [
        (&|throttle, from| short(throttle, from, nobody), 10),
        (&|throttle, from| short(throttle, from, ada), 5),
        (
            &|throttle, from| short(throttle, from, Owner::Request(&user)),
            5,
        ),
        (
            &|throttle, from| throttle.count_code_request(from, &one).is_ok(),
            10,
        ),
        (&|throttle, from| throttle.count_login(from).is_ok(), 60),
        (
            &|throttle, from| throttle.count_login_completion(from).is_ok(),
            60,
        ),
    ];
    for (asks, limit) in cases {
        let (throttle, now) = throttle();
        let asks = |third: u16, fourth: u16| {
            let address = Ipv6Addr::new(0x2001, 0xdb8, third, fourth, 0, 0, 0, 1);
            asks(&throttle, address.into())
        };
        // One address, all of the /56 it is in, and then all of the /48.
        let of_one = (0..1_000).filter(|_| asks(1, 0)).count();
        let of_56 = (1..256).filter(|&fourth| asks(1, fourth)).count();
        let of_48 = (256..2_560).filter(|&fourth| asks(1, fourth)).count();
        assert_eq!([of_one, of_56, of_48], [limit, 2 * limit, 3 * limit]);
        // Others go on, and so does that one when the minute is over.
        assert!(asks(2, 0));
        now.store(START + MINUTE, Ordering::Relaxed);
        assert!(asks(1, 0));
    }
}

#[test]
fn no_stranger_keeps_a_place_from_asking_or_a_user_from_looking() {
    let (throttle, now) = throttle();
    let digest = |byte| CodeDigest::new([byte; 32]);
    let asks = |byte| {
        let digest = digest(byte);
        let attempt = CodeTry {
            owner: Owner::Place(&digest),
            ..attempt(1, LONG)
        };
        throttle.reserve_code(&attempt).is_ok()
    };
    throttle.know_place(&digest(1));
    for wrong in 10..20 {
        assert!(asks(wrong));
    }
    assert!(!asks(20));
    for _ in 0..100 {
        assert!(asks(1));
    }
    assert!(tries(&throttle, 1, Owner::Request(&user(3).id)));
    // Nobody has anything of it for longer.
    now.store(START + 3 * MINUTE, Ordering::Relaxed);
    for _ in 0..10 {
        assert!(asks(1));
    }
    assert!(!asks(1));
}

#[tokio::test]
async fn what_nobody_could_look_up_does_not_count_and_what_is_wrong_does() {
    type Found = Result<(), FindRequestError>;
    let answers: [(fn() -> Found, u32); 4] = [
        (|| Ok(()), 100),
        (|| Err(StoreError::unavailable("away").into()), 100),
        (|| Err(StoreError::new("a defect").into()), 100),
        (|| Err(FindRequestError::InvalidCode), 10),
    ];
    for (answer, admitted) in answers {
        let (throttle, _now) = throttle();
        let mut looked_up = 0;
        for _ in 0..100 {
            let look_up = async {
                looked_up += 1;
                answer()
            };
            let _outcome = throttle.try_code(&attempt(1, LONG), look_up).await;
        }
        assert_eq!(looked_up, admitted);
    }
}

#[test]
fn a_success_is_given_back() {
    let (throttle, _now) = throttle();
    for _ in 0..1_000 {
        let reservation = throttle.reserve_code(&attempt(1, SHORT)).unwrap();
        throttle.give_back(reservation);
    }
    assert!(throttle.reserve_code(&attempt(1, SHORT)).is_ok());
}

#[test]
fn a_success_is_given_back_to_its_own_window_only() {
    let (throttle, now) = throttle();
    let slow = throttle.reserve_code(&attempt(1, SHORT)).unwrap();
    now.store(START + MINUTE, Ordering::Relaxed);
    for _ in 0..10 {
        assert!(throttle.reserve_code(&attempt(1, SHORT)).is_ok());
    }
    throttle.give_back(slow);
    assert!(throttle.reserve_code(&attempt(1, SHORT)).is_err());
}

#[test]
fn a_window_ends_after_a_minute_and_is_forgotten() {
    let (throttle, now) = throttle();
    for _ in 0..10 {
        assert!(throttle.reserve_code(&attempt(1, SHORT)).is_ok());
    }
    now.store(START + MINUTE - 1, Ordering::Relaxed);
    assert!(throttle.reserve_code(&attempt(1, SHORT)).is_err());
    now.store(START + MINUTE, Ordering::Relaxed);
    assert!(throttle.reserve_code(&attempt(2, SHORT)).is_ok());
    assert_eq!(throttle.lock().codes_by_address.open.len(), 1);
    assert!(throttle.reserve_code(&attempt(1, SHORT)).is_ok());
}

#[test]
fn a_clock_that_is_set_back_prolongs_nothing() {
    let (throttle, now) = throttle();
    for _ in 0..10 {
        assert!(throttle.reserve_code(&attempt(1, SHORT)).is_ok());
    }
    let back = START - 60 * MINUTE;
    for (moment, is_over) in [
        (START + MINUTE / 2, false),
        (back, false),
        (back + MINUTE / 2 - 1, false),
        (back + MINUTE / 2, true),
    ] {
        now.store(moment, Ordering::Relaxed);
        let tried = throttle.reserve_code(&attempt(1, SHORT));
        assert_eq!(tried.is_ok(), is_over, "{moment}");
    }
}

#[test]
fn over_the_limit_of_the_installation_only_short_codes_without_an_owner_are_refused() {
    let (throttle, _now) = throttle();
    // None of these is what the limit is for.
    for number in 1_000..1_400 {
        assert!(throttle.reserve_code(&attempt(number, LONG)).is_ok());
        assert!(tries(
            &throttle,
            number,
            Owner::Credential(Some(&number.to_string()))
        ));
    }
    for number in 0..300 {
        assert!(throttle.reserve_code(&attempt(number, SHORT)).is_ok());
    }
    assert!(throttle.reserve_code(&attempt(999, SHORT)).is_err());
    assert!(throttle.reserve_code(&attempt(999, LONG)).is_ok());
    assert!(tries(&throttle, 999, Owner::Credential(Some("ada"))));
}

#[test]
fn nobody_uses_up_the_tries_of_another_address_organization_kind_or_user() {
    let (throttle, _now) = throttle();
    let [one, two] = [organization(1), organization(2)];
    let login = Owner::Account(&one, "ada", AccountCodeKind::Login);
    for _ in 0..5 {
        assert!(tries(&throttle, 1, login));
    }
    assert!(!tries(&throttle, 1, login));
    assert!(tries(&throttle, 2, login));
    for other in [
        Owner::Account(&one, "ada", AccountCodeKind::Recovery),
        Owner::Account(&two, "ada", AccountCodeKind::Login),
        Owner::Account(&one, "bob", AccountCodeKind::Login),
        Owner::Credential(Some("ada")),
    ] {
        assert!(tries(&throttle, 1, other));
    }
    // From all addresses together: six were counted above.
    for number in 10..304 {
        assert!(tries(&throttle, number, login), "{number}");
    }
    assert!(!tries(&throttle, 999, login));
    assert!(tries(
        &throttle,
        999,
        Owner::Account(&two, "ada", AccountCodeKind::Login)
    ));
}

#[test]
fn made_up_names_and_addresses_fill_bounded_memory_and_crowd_nobody_into_one_window() {
    let (throttle, _now) = throttle();
    for number in 0..70_000 {
        let name = format!("{number}{}", "x".repeat(250));
        assert!(tries(&throttle, number, Owner::Credential(Some(&name))));
        assert!(throttle.count_login(address(number)).is_ok());
    }
    {
        let counts = throttle.lock();
        for table in [
            &counts.codes_by_address,
            &counts.codes_by_owner_and_address,
            &counts.codes_by_owner,
            &counts.logins_by_address,
        ] {
            assert_eq!(table.open.len(), MAXIMUM_KEYS);
            assert_eq!(table.order.len(), MAXIMUM_KEYS);
        }
    }
    // Every newcomer has tries of their own, and no more than those.
    for number in 80_000..80_100 {
        let name = format!("newcomer {number}");
        for _ in 0..5 {
            assert!(tries(&throttle, number, Owner::Credential(Some(&name))));
        }
        assert!(!tries(&throttle, number, Owner::Credential(Some(&name))));
        for _ in 0..60 {
            assert!(throttle.count_login(address(number)).is_ok());
        }
        assert!(throttle.count_login(address(number)).is_err());
    }
}

/// Whether a login code is mailed to that user.
fn mails(throttle: &Throttle, from: u32, to: u8, kind: AccountCodeKind) -> bool {
    let reserved = throttle.reserve_mail(address(from), &user(to).id, kind);
    reserved.is_ok()
}

#[test]
fn mailed_codes_are_limited_by_user_and_kind_and_by_address() {
    let (throttle, now) = throttle();
    let login = AccountCodeKind::Login;
    for from in 1..4 {
        assert!(mails(&throttle, from, 1, login));
    }
    assert!(!mails(&throttle, 4, 1, login));
    assert!(mails(&throttle, 4, 1, AccountCodeKind::Recovery));
    now.store(START + 10 * MINUTE - 1, Ordering::Relaxed);
    assert!(!mails(&throttle, 5, 1, login));
    now.store(START + 10 * MINUTE, Ordering::Relaxed);
    assert!(mails(&throttle, 5, 1, login));
    for to in 10..20 {
        assert!(mails(&throttle, 6, to, login));
    }
    assert!(!mails(&throttle, 6, 99, login));
    assert!(mails(&throttle, 7, 99, login));
}

#[test]
fn a_network_of_many_addresses_has_many_users_mailed_and_not_everybody() {
    let (throttle, _now) = throttle();
    let mailed = (0..=u8::MAX).filter(|&number| {
        let from = Ipv6Addr::new(0x2001, 0xdb8, 1, u16::from(number) << 8, 0, 0, 0, 1);
        let to = &user(number).id;
        let reserved = throttle.reserve_mail(from.into(), to, AccountCodeKind::Login);
        reserved.is_ok()
    });
    assert_eq!(mailed.count(), 60);
    assert!(mails(&throttle, 1, 1, AccountCodeKind::Recovery));
}

#[test]
fn what_was_not_mailed_after_all_does_not_count() {
    let (throttle, _now) = throttle();
    for _ in 0..50 {
        let reserved = throttle.reserve_mail(address(1), &user(1).id, AccountCodeKind::Login);
        throttle.give_back(reserved.unwrap());
    }
    assert!(mails(&throttle, 1, 1, AccountCodeKind::Login));
}

#[test]
fn beyond_thirty_a_day_one_code_in_ten_minutes_is_mailed() {
    let (throttle, now) = throttle();
    let login = AccountCodeKind::Login;
    let mut mailed = vec![];
    for window in 0..144 {
        now.store(START + window * 10 * MINUTE, Ordering::Relaxed);
        let asked = [1, 2, 3, 4].map(|from| mails(&throttle, from, 1, login));
        mailed.push(asked.into_iter().filter(|mailed| *mailed).count());
    }
    assert_eq!(mailed[..10], [3; 10]);
    assert_eq!(mailed[10..], [1; 134]);
    now.store(START + 144 * 10 * MINUTE, Ordering::Relaxed);
    let asked = [1, 2, 3, 4].map(|from| mails(&throttle, from, 1, login));
    assert_eq!(asked, [true, true, true, false]);
}

#[test]
fn user_actions_are_limited_by_user() {
    let (throttle, _now) = throttle();
    for _ in 0..60 {
        assert!(throttle.reserve_action(&user(1).id).is_ok());
    }
    assert!(throttle.reserve_action(&user(1).id).is_err());
    assert!(throttle.reserve_action(&user(2).id).is_ok());
}

#[test]
fn session_codes_are_limited_by_user_and_their_uses_by_code() {
    let (throttle, now) = throttle();
    for _ in 0..60 {
        assert!(throttle.count_session_code(&user(1).id).is_ok());
    }
    assert!(throttle.count_session_code(&user(1).id).is_err());
    // Neither another user nor what this one signs is kept from anything.
    assert!(throttle.count_session_code(&user(2).id).is_ok());
    assert!(throttle.reserve_action(&user(1).id).is_ok());
    let [one, two] = [1, 2].map(|byte| SessionCodeId::from_random(&[byte; 32]));
    for _ in 0..10 {
        assert!(throttle.count_session_code_use(&one).is_ok());
    }
    assert!(throttle.count_session_code_use(&one).is_err());
    assert!(throttle.count_session_code_use(&two).is_ok());
    assert!(throttle.reserve_code(&attempt(1, SHORT)).is_ok());
    now.store(START + MINUTE, Ordering::Relaxed);
    assert!(throttle.count_session_code(&user(1).id).is_ok());
    assert!(throttle.count_session_code_use(&one).is_ok());
}

#[test]
fn limits_can_be_switched_off() {
    let (throttle, _now) = throttle_of(Limits {
        enabled: false,
        ..Limits::default()
    });
    for _ in 0..100 {
        assert!(throttle.reserve_code(&attempt(1, SHORT)).is_ok());
        assert!(throttle.count_login(address(1)).is_ok());
        assert!(throttle.reserve_action(&user(1).id).is_ok());
        assert!(mails(&throttle, 1, 1, AccountCodeKind::Login));
    }
}

#[test]
fn limits_that_change_hold_at_once_and_what_was_counted_stays_counted() {
    let (throttle, _now) = throttle();
    let fewer = Limits {
        wrong_codes_per_address: 2,
        ..Limits::default()
    };
    let off = Limits {
        enabled: false,
        ..Limits::default()
    };
    for _ in 0..2 {
        assert!(throttle.reserve_code(&attempt(1, SHORT)).is_ok());
    }
    for (limits, is_looked_up) in [(fewer, false), (off, true), (Limits::default(), true)] {
        throttle.change_limits(limits);
        let tried = throttle.reserve_code(&attempt(1, SHORT));
        assert_eq!(tried.is_ok(), is_looked_up);
    }
}

#[test]
fn that_nobody_may_try_is_told_once_a_minute() {
    let (throttle, now) = throttle_of(Limits {
        wrong_codes_per_installation: 1,
        ..Limits::default()
    });
    let told = || throttle.lock().told;
    assert!(throttle.reserve_code(&attempt(1, SHORT)).is_ok());
    assert!(throttle.reserve_code(&attempt(2, LONG)).is_ok());
    assert_eq!(told(), None);
    for (passed, told_at) in [(0, 0), (MINUTE / 2, 0), (MINUTE, MINUTE)] {
        now.store(START + passed, Ordering::Relaxed);
        // The window has ended with the minute, and somebody fills the next one.
        let _filled = throttle.reserve_code(&attempt(3, SHORT));
        assert!(throttle.reserve_code(&attempt(4, SHORT)).is_err());
        let told_at = Duration::from_millis(told_at.unsigned_abs());
        assert_eq!(told(), Some(told_at), "{passed}");
    }
}
