use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;
use crate::account_code::AccountCodeKind;
use crate::samples::{self, NOW, challenge, session, with_code};

fn seconds(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

fn code(state: CodeState) -> CredentialCode {
    CredentialCode {
        state,
        ..CredentialCode::issue(samples::code(), &session(), NOW, seconds(60))
    }
}

fn claim(date: Timestamp) -> Claim {
    Claim {
        date,
        origin: None,
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        challenge: ChallengeId::from_random(&[2; 32]),
        expires: date.plus(Duration::from_mins(5)),
    }
}

fn release() -> Release {
    Release {
        reason: ReleaseReason::NotMyAccount,
        date: NOW,
    }
}

/// A code in every state that follows the first, and the claim it tells of.
fn later_states() -> [(CodeState, Option<Claim>); 5] {
    let claim = claim(NOW);
    let told = Some(claim.clone());
    [
        (CodeState::Claimed(claim.clone()), told.clone()),
        (
            CodeState::Released {
                claim: claim.clone(),
                release: release(),
            },
            told.clone(),
        ),
        (
            CodeState::Redeemed {
                claim,
                credential: CredentialUuid::from_random(&[3; 32]),
                wait: None,
            },
            told.clone(),
        ),
        (
            CodeState::Cancelled {
                claim: told.clone(),
            },
            told,
        ),
        (CodeState::Cancelled { claim: None }, None),
    ]
}

#[test]
fn a_short_code_is_three_groups_of_symbols_that_nobody_confuses() {
    let random = |first: u8| std::array::from_fn(|index| first + u8::try_from(index).unwrap());
    let shown = [0, 9, 18, 23, 224].map(|first| short_from_random(&random(first)));
    let shown = shown.each_ref().map(CodeText::reveal);
    let expected = [
        "ABC-DEF-GHJ",
        "KLM-NPQ-RST",
        "UVW-XYZ-234",
        "Z23-456-789",
        "ABC-DEF-GHJ",
    ];
    assert_eq!(shown, expected);
}

#[test]
fn a_long_code_is_cc_and_all_256_bits() {
    let code = long_from_random(&[0xff; 32]);
    assert_eq!(code.reveal(), format!("cc_{}8", "_".repeat(42)));
}

#[test]
fn a_text_of_neither_form_is_entered_as_it_is_and_counts_as_short() {
    for text in [
        "",
        "ABC-DEF-GH",
        "ABC-DEF-GHJK",
        "ABC-DEF-GHI",
        "abc-def-ghi",
        "ABC-DEF-GHO",
        "ABC-DEF-GH0",
        "ABC-DEF-GH1",
        "ABC_DEF_GHJ",
        "ÄBC-DEF-GHJ",
        "CC_AAAA",
        "c_AAAA",
    ] {
        let entered = EnteredCode::parse(&format!(" {text}\n"));
        assert_eq!(
            (entered.form, entered.text.reveal()),
            (CodeForm::Short, text)
        );
    }
}

#[test]
fn an_expiration_is_cut_to_a_minute() {
    for (asked, given) in [(1, 1), (30, 30), (60, 60), (61, 60), (65, 60)] {
        assert_eq!(expiration(seconds(asked), NOW), Ok(seconds(given)));
    }
}

#[test]
fn an_expiration_outside_the_bounds_is_refused() {
    assert_eq!(expiration(NOW, NOW), Err(ExpirationError::Past));
    assert_eq!(
        expiration(seconds(65).plus(Duration::from_millis(1)), NOW),
        Err(ExpirationError::TooFar)
    );
}

/// The entry of that code where it was issued.
fn entry(of: &CredentialCode, date: Timestamp) -> CodeEntry {
    CodeEntry {
        organization: of.organization.clone(),
        application: samples::application(),
        kind: CredentialKind::Fido2,
        username: None,
        claim: claim(date),
    }
}

#[test]
fn an_issued_code_is_claimed_until_it_expires_and_no_other_is() {
    let (issued, owner) = (code(CodeState::Issued), samples::owner());
    assert_eq!(issued.claimed_by(), None);
    let last = seconds(60).minus(Duration::from_millis(1));
    for (date, is_claimed) in [(NOW, true), (last, true), (seconds(60), false)] {
        assert_eq!(entry(&issued, date).claims(&issued, &owner), is_claimed);
    }
    for (state, told) in later_states() {
        let code = code(state);
        assert_eq!(code.claimed_by(), told.as_ref());
        assert!(!entry(&code, NOW).claims(&code, &owner));
    }
}

#[test]
fn a_code_is_claimed_where_and_for_what_it_is_alone() {
    let (issued, owner) = (code(CodeState::Issued), samples::owner());
    let entry = entry(&issued, NOW);
    let named = |name: &str| CodeEntry {
        username: Some(Username::new(name).unwrap()),
        ..entry.clone()
    };
    assert!(named("ADA@example.com").claims(&issued, &owner));
    assert!(!named("bob@example.com").claims(&issued, &owner));
    let elsewhere = CodeEntry {
        organization: OrganizationId::from_random(&[99; 32]),
        ..entry.clone()
    };
    assert!(!elsewhere.claims(&issued, &owner));
    let another = ApplicationId::from_random(&[99; 32]);
    for (application, is_claimed) in [(samples::application(), true), (another, false)] {
        let bound = issued.clone().bound_to(Binding {
            application: Some(application),
            ..Binding::default()
        });
        assert_eq!(entry.claims(&bound, &owner), is_claimed);
    }
    let of_keys = issued.clone().bound_to(Binding {
        kinds: Some(Kinds::new(&[CredentialKind::Key]).unwrap()),
        ..Binding::default()
    });
    assert!(!entry.claims(&of_keys, &owner));
    let inactive = User {
        is_active: false,
        ..owner.clone()
    };
    let of_later_epoch = User {
        epoch: Epoch::new(owner.epoch.number() + 1),
        ..owner
    };
    for owner in [inactive, of_later_epoch] {
        assert!(!entry.claims(&issued, &owner));
    }
}

#[test]
fn a_code_is_for_the_kinds_that_it_names_or_for_all() {
    let mut binding = Binding::default();
    for kind in CredentialKind::ALL {
        assert!(binding.allows(*kind));
    }
    // In whatever order, and however often.
    let [first, second] = [CredentialKind::Key, CredentialKind::Fido2];
    let kinds = Kinds::new(&[first, second, first]).unwrap();
    assert_eq!(kinds.as_slice(), [second, first]);
    binding.kinds = Some(kinds);
    for kind in CredentialKind::ALL {
        let is_named = [first, second].contains(kind);
        assert_eq!(binding.allows(*kind), is_named, "{kind}");
    }
    assert_eq!(Kinds::new(&[]), Err(NoKind));
}

#[test]
fn the_challenge_that_claimed_a_code_redeems_it() {
    let challenge = challenge(with_code());
    let redeemed = RedeemedCode::with(&challenge);
    assert_eq!(redeemed.code(), &samples::code());
    assert_eq!(redeemed.challenge(), &challenge.id);
}

#[test]
fn the_challenge_that_claimed_a_code_gives_it_back() {
    let challenge = challenge(with_code());
    let released = ReleasedCode::with(&challenge, release());
    assert_eq!(released.code(), &samples::code());
    assert_eq!(released.user(), &challenge.purpose.user);
    assert_eq!(released.challenge(), &challenge.id);
    assert_eq!(released.release(), release());
}

#[test]
fn the_status_follows_the_clock() {
    assert_eq!(
        code(CodeState::Issued).status(seconds(59)),
        CodeStatus::Issued
    );
    assert_eq!(
        code(CodeState::Issued).status(seconds(60)),
        CodeStatus::Expired
    );
    let claimed = code(CodeState::Claimed(claim(seconds(10))));
    assert_eq!(claimed.status(seconds(309)), CodeStatus::Claimed);
    assert_eq!(claimed.status(seconds(310)), CodeStatus::Expired);
    let [_, (released, _), (redeemed, _), (cancelled, _), _] = later_states();
    for (state, status) in [
        (released, CodeStatus::Released),
        (redeemed, CodeStatus::Redeemed),
        (cancelled, CodeStatus::Cancelled),
    ] {
        let code = code(state);
        assert_eq!([code.status(NOW), code.status(seconds(999))], [status; 2]);
    }
}

/// The full-width form of a symbol of ASCII.
fn wide(symbol: char) -> char {
    char::from_u32(u32::from(symbol) + 0xfee0).unwrap()
}

#[test]
fn a_digest_is_its_bytes() {
    assert_eq!(CodeDigest::new([7; 32]).as_bytes(), &[7; 32]);
}

proptest! {
    #[test]
    fn a_short_code_is_recognised_however_it_is_typed(
        random: [u8; 32],
        lower: bool,
        separator in prop::sample::select(vec!["", "-", " ", " - "]),
    ) {
        let code = short_from_random(&random);
        let typed = code.reveal().replace('-', separator);
        let typed = if lower { typed.to_lowercase() } else { typed };
        let entered = EnteredCode::parse(&typed);
        prop_assert_eq!(entered.form, CodeForm::Short);
        prop_assert_eq!(entered.text.reveal(), code.reveal());
    }

    #[test]
    fn a_long_code_keeps_its_case(random: [u8; 32]) {
        for code in [long_from_random(&random), AccountCodeKind::Registration.draw(&random)] {
            let entered = EnteredCode::parse(code.reveal());
            prop_assert_eq!(entered.form, CodeForm::Long);
            prop_assert_eq!(entered.text.reveal(), code.reveal());
        }
    }

    #[test]
    fn a_code_of_any_kind_is_recognised_however_it_is_pasted(
        random: [u8; 32],
        dash in prop::sample::select(vec![
            "\u{2010}", "\u{2011}", "\u{2012}", "\u{2013}", "\u{2014}", "\u{2212}", "\u{ff0d}",
            "\u{fe63}", "\u{30fc}", "\u{ff70}", "\u{301c}",
        ]),
        blank in prop::sample::select(vec![
            " ", "\t", "\n", "\u{a0}", "\u{2007}", "\u{3000}", "\u{ad}", "\u{200b}", "\u{200d}",
            "\u{2028}", "\u{2060}", "\u{202e}", "\u{3164}", "\u{fe0f}", "\u{feff}", "\0",
        ]),
        is_wide: bool,
    ) {
        let codes = AccountCodeKind::ALL.iter().map(|kind| kind.draw(&random));
        let forms = [short_from_random(&random), long_from_random(&random)];
        for code in codes.chain(forms) {
            let pasted = code.reveal().chars().flat_map(|symbol| {
                let shown = match symbol {
                    '-' => dash.to_owned(),
                    symbol if is_wide => wide(symbol).to_string(),
                    symbol => symbol.to_string(),
                };
                [blank.to_owned(), shown]
            });
            let entered = EnteredCode::parse(&pasted.collect::<String>());
            prop_assert_eq!(entered.text.reveal(), code.reveal());
        }
    }

    #[test]
    fn any_text_can_be_entered(text in any::<String>()) {
        let _ = EnteredCode::parse(&text);
    }
}
