//! The pages of Latchkey: what a person needs to register, sign in, see the credentials, and add one in
//! another place.
//!
//! They are static files under `assets`, embedded in the binary: plain HTML, CSS and ES modules, with
//! no build step, no framework and nothing from elsewhere. Everything they do, they do by the public
//! API. [`pages`] serves them on the hosts of registered applications; on any other host there is
//! nothing.
//!
//! To add a file, put it under `assets` and its line into the table in `assets.rs`; tests compare the
//! two, and follow every reference from one file to another.

mod assets;

mod answer;

mod hosts;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::{Router, http::HeaderMap, middleware::from_fn_with_state, routing::get};
use latchkey_service::directory::Directory;

use self::answer::Answer;

/// The pages and what they are made of, for the hosts of the applications in `directory`. Elsewhere, and
/// for what is not there, the status is all there is: whoever serves them writes the body.
pub fn pages(directory: Arc<Directory>) -> Router {
    assets::ALL
        .iter()
        .fold(Router::new(), |router, asset| {
            let answer = Arc::new(Answer::new(asset));
            router.route(
                asset.path,
                get(async move |headers: HeaderMap| answer.to(&headers)),
            )
        })
        .layer(from_fn_with_state(directory, hosts::registered_only))
}
