#![doc = include_str!("../README.md")]

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
