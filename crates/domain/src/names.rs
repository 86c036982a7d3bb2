//! Enumerations whose variants have names: in the API, in the database and in tokens.

/// Makes an enumeration whose variants are written in exactly one way. With an error, a text is read
/// with `parse`, too.
macro_rules! named {
    (
        $(#[$doc:meta])*
        $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $text:literal,)+ }
        $($(#[$error_doc:meta])* $error:ident => $message:literal)?
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// Every one there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }

            /// The one of that name, if there is one.
            pub fn named(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == text)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        $(
            $(#[$error_doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
            #[error($message)]
            pub struct $error;

            impl std::str::FromStr for $name {
                type Err = $error;

                fn from_str(text: &str) -> Result<Self, $error> {
                    Self::named(text).ok_or($error)
                }
            }
        )?
    };
}

pub(crate) use named;

#[cfg(test)]
mod tests {
    use std::{
        fmt::{Debug, Display},
        str::FromStr,
    };

    use crate::{
        account_code::{AccountCodeKind, AccountCodeKindError},
        approval::WaitStatus,
        code_request::{RequestState, RequestStateError, RequestStatus},
        credential::{CredentialKind, CredentialKindError},
        credential_code::{CodeStatus, ReleaseReason, ReleaseReasonError},
        message::{MessageKind, MessageKindError},
        organization::{
            Approval, ApprovalError, CodeSignIn, CodeSignInError, RequestsFrom, RequestsFromError,
        },
        user::{UserKind, UserKindError},
        user_action::{Method, MethodError},
    };

    fn words<T: Display>(all: &[T]) -> String {
        let words: Vec<_> = all.iter().map(T::to_string).collect();
        words.join(" ")
    }

    /// The words, each of which is read back, and in no other spelling.
    fn read<T>(all: &[T], error: T::Err) -> String
    where
        T: Copy + Debug + Display + FromStr<Err: Copy + Debug + PartialEq> + PartialEq,
    {
        for one in all {
            let word = one.to_string();
            assert_eq!(word.parse(), Ok(*one));
            let swapped = if word.chars().all(char::is_uppercase) {
                word.to_lowercase()
            } else {
                word.to_uppercase()
            };
            for wrong in [swapped, format!("{word} "), word[1..].to_owned()] {
                assert_eq!(wrong.parse::<T>(), Err(error), "{wrong}");
            }
        }
        assert_eq!("".parse::<T>(), Err(error));
        words(all)
    }

    #[test]
    fn everything_is_named_as_in_the_api_and_nothing_otherwise() {
        let kinds = read(CredentialKind::ALL, CredentialKindError::Unknown);
        assert_eq!(kinds, "Fido2 Key PasswordProtectedKey RecoveryKey");
        assert_eq!(
            read(UserKind::ALL, UserKindError),
            "CustomerEmployee EndUser"
        );
        let methods = read(Method::ALL, MethodError);
        assert_eq!(methods, "GET POST PUT DELETE PATCH");
        let codes = read(AccountCodeKind::ALL, AccountCodeKindError);
        assert_eq!(codes, "Registration Login Recovery");
        assert_eq!(read(Approval::ALL, ApprovalError), "never always");
        let sign_ins = read(CodeSignIn::ALL, CodeSignInError);
        assert_eq!(sign_ins, "never at-once");
        let from = read(RequestsFrom::ALL, RequestsFromError);
        assert_eq!(from, "nowhere same-network anywhere");
        let states = read(RequestState::ALL, RequestStateError);
        assert_eq!(states, "waiting granted refused");
        let requests = words(RequestStatus::ALL);
        assert_eq!(requests, "Waiting Granted Refused Expired");
        assert_eq!(
            read(MessageKind::ALL, MessageKindError),
            "Registration LoginCode RecoveryCode CredentialAdded CredentialWaits \
             CredentialActivated CredentialDeactivated CredentialDeleted AccountRecovered \
             AccountActivated AdministratorMade"
        );
        let waits = words(WaitStatus::ALL);
        assert_eq!(waits, "Waiting Approved Refused Expired");
        let codes = words(CodeStatus::ALL);
        assert_eq!(codes, "Issued Claimed Redeemed Expired Cancelled Released");
        assert_eq!(
            read(ReleaseReason::ALL, ReleaseReasonError),
            "NotMyAccount AlreadyThere GivenUp"
        );
    }
}
