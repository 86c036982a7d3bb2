//! Invitations: how a user comes to a registration code.

use latchkey_domain::{
    credential_code::CodeText,
    id::RegistrationCodeId,
    registration_code::{self, RegistrationCode},
    user::User,
};

use crate::{
    ceremony::Ceremonies,
    ports::{administration_store::Invitation, code_digester::CodeDigester},
};

/// Draws a code for a user, and gives it beside what is kept of it.
pub(crate) fn invitation(
    ceremonies: &Ceremonies,
    digester: &dyn CodeDigester,
    user: User,
) -> (Invitation, CodeText) {
    let text = registration_code::from_random(&ceremonies.entropy.draw());
    let issued = ceremonies.now();
    let code = RegistrationCode {
        id: RegistrationCodeId::from_random(&ceremonies.entropy.draw()),
        user: user.id.clone(),
        issued,
        expires: issued.plus(ceremonies.policy.lifetimes.registration_code),
    };
    let digest = digester.digest(&text);
    let invitation = Invitation {
        user,
        code,
        digest,
        message: None,
    };
    (invitation, text)
}
