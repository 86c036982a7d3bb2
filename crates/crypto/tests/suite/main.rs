//! The promises about proofs, tokens and secrets, each with tests that can break it.

#[cfg(test)]
mod support;

#[cfg(test)]
mod key_proofs;

#[cfg(test)]
mod key_refusals;

#[cfg(test)]
mod recovery_proofs;

#[cfg(test)]
mod weak_keys;

#[cfg(test)]
mod passkey_proofs;

#[cfg(test)]
mod passkey_refusals;

#[cfg(test)]
mod passkey_judge;

#[cfg(test)]
mod arbitrary_bytes;

#[cfg(test)]
mod vectors;

#[cfg(test)]
mod odd_clients;

#[cfg(test)]
mod tokens;

#[cfg(test)]
mod token_refusals;

#[cfg(test)]
mod code_digest;

#[cfg(test)]
mod sealer;

#[cfg(test)]
mod session_codes;
