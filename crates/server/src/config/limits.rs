//! `[limits]`: how often things may be tried.

use latchkey_domain::policy::Limits;

use super::reader::Reader;

/// See [`Limits`].
pub(super) fn read(reader: &mut Reader) -> Limits {
    let default = Limits::default();
    let mut section = reader.section("limits");
    let enabled = section.boolean("enabled").unwrap_or(default.enabled);
    let mut limit = |key, default| section.number(key, default, 1..=1_000_000);
    let limits = Limits {
        enabled,
        wrong_codes_per_address: limit("wrong_codes_per_address", default.wrong_codes_per_address),
        wrong_codes_per_installation: limit(
            "wrong_codes_per_installation",
            default.wrong_codes_per_installation,
        ),
        wrong_codes_per_user: limit("wrong_codes_per_user", default.wrong_codes_per_user),
        wrong_codes_per_user_anywhere: limit(
            "wrong_codes_per_user_anywhere",
            default.wrong_codes_per_user_anywhere,
        ),
        login_inits_per_address: limit("login_inits_per_address", default.login_inits_per_address),
        mailed_codes_per_address: limit(
            "mailed_codes_per_address",
            default.mailed_codes_per_address,
        ),
        mailed_codes_per_user: limit("mailed_codes_per_user", default.mailed_codes_per_user),
        user_actions_per_user: limit("user_actions_per_user", default.user_actions_per_user),
    };
    section.finish();
    limits
}
