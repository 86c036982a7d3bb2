#![doc = include_str!("../README.md")]
#![expect(
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a case that meets something else than it expects has failed"
)]

/// Lists the cases of a module, and makes of the list a macro that [`store_contract!`] calls.
macro_rules! cases {
    ($module:ident: $($case:ident),* $(,)?) => {
        /// The cases, for other crates.
        #[doc(hidden)]
        pub mod cases {
            $(
                pub async fn $case(world: crate::World) {
                    super::$case(world).await;
                }
            )*
        }

        #[doc(hidden)]
        #[macro_export]
        macro_rules! $module {
            () => {
                mod $module {
                    $(
                        #[test]
                        fn $case() {
                            $crate::run(super::fresh(), $crate::$module::cases::$case);
                        }
                    )*
                }
            };
        }
    };
}

mod world;

pub use world::{Adapter, CALLERS, NOW, World, at_once, run, successes};

mod refusal;

use refusal::{AuthorityConflict, Refusal, Spent, Void, assert_one, conflict};

mod people;

pub use people::{Person, Tenant};

mod values;

pub use code_entries::{assert_refused, enter};
pub use codes::Claimed;

#[doc(hidden)]
pub mod account_codes;
#[doc(hidden)]
pub mod accounts;
#[doc(hidden)]
pub mod administration;
#[doc(hidden)]
pub mod applications;
#[doc(hidden)]
pub mod approvals;
#[doc(hidden)]
pub mod authority;
#[doc(hidden)]
pub mod code_entries;
#[doc(hidden)]
pub mod code_requests;
#[doc(hidden)]
pub mod codes;
#[doc(hidden)]
pub mod codes_at_once;
#[doc(hidden)]
pub mod credentials;
#[doc(hidden)]
pub mod directory;
#[doc(hidden)]
pub mod durability;
#[doc(hidden)]
pub mod events;
#[doc(hidden)]
pub mod freshness;
#[doc(hidden)]
pub mod helping;
#[doc(hidden)]
pub mod housekeeping;
#[doc(hidden)]
pub mod installation;
#[doc(hidden)]
pub mod looks;
#[doc(hidden)]
pub mod messages;
#[doc(hidden)]
pub mod recovery;
#[doc(hidden)]
pub mod registration;
#[doc(hidden)]
pub mod sessions;
#[doc(hidden)]
pub mod sign_in;
#[doc(hidden)]
pub mod users;

/// Makes a test of every case. The expression, which may await, makes an [`Adapter`] on data that nobody
/// else has; the tests stand in modules beside the call, so give it a module of its own.
#[macro_export]
macro_rules! store_contract {
    ($adapter:expr) => {
        async fn fresh() -> impl $crate::Adapter {
            $adapter
        }

        $crate::account_codes!();
        $crate::accounts!();
        $crate::administration!();
        $crate::applications!();
        $crate::approvals!();
        $crate::authority!();
        $crate::code_entries!();
        $crate::code_requests!();
        $crate::codes!();
        $crate::codes_at_once!();
        $crate::credentials!();
        $crate::directory!();
        $crate::durability!();
        $crate::events!();
        $crate::freshness!();
        $crate::helping!();
        $crate::housekeeping!();
        $crate::installation!();
        $crate::looks!();
        $crate::messages!();
        $crate::recovery!();
        $crate::registration!();
        $crate::sessions!();
        $crate::sign_in!();
        $crate::users!();
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_module_of_cases_is_in_the_contract() {
        let source = include_str!("lib.rs");
        let modules = source.lines().filter_map(|line| {
            let module = line.strip_prefix("pub mod ")?;
            module.strip_suffix(';')
        });
        let modules: Vec<_> = modules.collect();
        assert!(modules.len() > 10, "{modules:?}");
        for module in modules {
            assert!(
                source.contains(&format!("$crate::{module}!();")),
                "{module}"
            );
        }
    }
}
