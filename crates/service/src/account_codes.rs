//! How a user comes to an account code.

use latchkey_domain::{
    account_code::{AccountCode, AccountCodeKind, NewAccountCode},
    credential_code::CodeText,
    id::AccountCodeId,
    user::User,
};

use crate::{
    ceremony::Ceremonies,
    ports::{code_digester::CodeDigester, user_store::Invitation},
};

/// Draws a code of that kind for a user, and gives it beside what is kept of it.
pub(crate) fn draw(
    ceremonies: &Ceremonies,
    digester: &dyn CodeDigester,
    user: &User,
    kind: AccountCodeKind,
) -> (NewAccountCode, CodeText) {
    let text = kind.draw(&ceremonies.entropy.draw());
    let issued = ceremonies.now();
    let code = AccountCode {
        id: AccountCodeId::from_random(&ceremonies.entropy.draw()),
        user: user.id.clone(),
        epoch: user.epoch,
        kind,
        issued,
        expires: issued.plus(kind.lifetime(&ceremonies.policy.lifetimes)),
    };
    let digest = digester.digest(&text);
    (NewAccountCode { code, digest }, text)
}

/// An invitation of a user, and the code to register with.
pub(crate) fn invitation(
    ceremonies: &Ceremonies,
    digester: &dyn CodeDigester,
    user: User,
) -> (Invitation, CodeText) {
    let (code, text) = draw(ceremonies, digester, &user, AccountCodeKind::Registration);
    let invitation = Invitation {
        user,
        code,
        message: None,
    };
    (invitation, text)
}
