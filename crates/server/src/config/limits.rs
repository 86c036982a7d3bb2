//! `[limits]`: how often things may be tried.

use latchkey_domain::policy::Limits;

use super::reader::Reader;

/// See [`Limits`].
pub(super) fn read(reader: &mut Reader) -> Limits {
    let mut limits = Limits::default();
    let mut section = reader.section("limits");
    limits.enabled = section.boolean("enabled").unwrap_or(limits.enabled);
    for (key, limit) in each(&mut limits) {
        let key = key.strip_prefix("limits.").unwrap_or(key);
        *limit = section.number(key, *limit, 1..=1_000_000);
    }
    section.finish();
    limits
}

/// Every limit, with its key.
pub(super) fn each(limits: &mut Limits) -> [(&'static str, &mut u32); 8] {
    let Limits {
        enabled: _,
        wrong_codes_per_address,
        wrong_codes_per_installation,
        wrong_codes_per_user,
        wrong_codes_per_user_anywhere,
        login_inits_per_address,
        mailed_codes_per_address,
        mailed_codes_per_user,
        user_actions_per_user,
    } = limits;
    [
        ("limits.wrong_codes_per_address", wrong_codes_per_address),
        (
            "limits.wrong_codes_per_installation",
            wrong_codes_per_installation,
        ),
        ("limits.wrong_codes_per_user", wrong_codes_per_user),
        (
            "limits.wrong_codes_per_user_anywhere",
            wrong_codes_per_user_anywhere,
        ),
        ("limits.login_inits_per_address", login_inits_per_address),
        ("limits.mailed_codes_per_address", mailed_codes_per_address),
        ("limits.mailed_codes_per_user", mailed_codes_per_user),
        ("limits.user_actions_per_user", user_actions_per_user),
    ]
}
