#![doc = include_str!("../README.md")]

mod assets;

mod answer;

mod accept;

mod languages;

mod escaped;

mod html;

mod modules;

mod refusal;

mod landing;

mod look;

mod reference;

mod hosts;

#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::Arc};

use axum::{
    Router,
    http::{HeaderMap, Uri},
    middleware::from_fn_with_state,
    response::Redirect,
    routing::get,
};
use latchkey_domain::application::pages::PagePrefix;
use latchkey_service::directory::Directory;

pub use self::refusal::refusal;
use self::{
    answer::Answer,
    assets::{Asset, HTML, SCRIPT},
    hosts::Hosts,
    languages::Language,
};

/// What the pages are about.
pub struct About {
    /// Whose hosts have pages.
    pub directory: Arc<Directory>,
    /// Where clients reach the service, without a slash at the end.
    pub public_url: String,
    /// Below which path they are served.
    pub prefix: PagePrefix,
    /// The description of the API (OpenAPI, as JSON), which becomes the reference at `/docs` below the prefix.
    pub description: String,
}

/// The pages and what they are made of, below the prefix. Those of applications are on the hosts of the registered
/// ones that show them; elsewhere `/` says what this is, to who would rather have a page than JSON, and for what is
/// not there the status is all there is: whoever serves them writes the body, with [`refusal`](fn@refusal) for
/// people. All but the reference are in the language that `Accept-Language` prefers among those there are.
pub fn pages(about: About) -> Router {
    let prefix = &about.prefix;
    let reference = reference::page(prefix, &about.description);
    let docs = Answer::new(HTML, reference.into());
    let mut router = serving(everywhere(prefix), &format!("{prefix}/docs"), docs);
    if !prefix.as_str().is_empty() {
        let first = format!("{prefix}/");
        // Who comes to sign in for an application says so in the query.
        let begin = get(async move |asked: Uri| {
            let query = asked.query().map(|query| format!("?{query}"));
            Redirect::temporary(&format!("{first}{}", query.unwrap_or_default()))
        });
        router = router.route(prefix.as_str(), begin);
    }
    let looks = look::routes(prefix, Arc::clone(&about.directory));
    let mut of_applications = files(prefix, assets::OF_APPLICATIONS).merge(looks);
    for language in Language::others() {
        let path = format!("{prefix}/assets/languages/{}.js", language.tag);
        let catalogue = Answer::new(SCRIPT, language.script().into());
        of_applications = serving(of_applications, &path, catalogue);
    }
    for page in assets::OF_APPLICATIONS
        .iter()
        .filter(|it| it.page().is_some())
    {
        for typed in page.typed_otherwise() {
            let meant = format!("{prefix}{}", page.path);
            let lead = get(async move || Redirect::temporary(&meant));
            of_applications = of_applications.route(&format!("{prefix}{typed}"), lead);
        }
    }
    let hosts = Arc::new(Hosts {
        directory: about.directory,
        public_url: about.public_url,
        prefix: about.prefix,
    });
    router.merge(of_applications.layer(from_fn_with_state(hosts, hosts::registered_only)))
}

/// What any page below that prefix needs to look as it should, on every host and at no cost.
pub fn everywhere(prefix: &PagePrefix) -> Router {
    files(prefix, assets::EVERYWHERE)
}

fn files(prefix: &PagePrefix, assets: &[Asset]) -> Router {
    assets.iter().fold(Router::new(), |router, asset| {
        let path = format!("{prefix}{}", asset.path);
        match asset.page() {
            Some(html) => serving_page(router, &path, &modules::preloaded_by(html)),
            None => serving(router, &path, Answer::of(asset)),
        }
    })
}

/// A page in every language, at one address.
fn serving_page(router: Router, path: &str, html: &str) -> Router {
    let of = |language: &'static Language| {
        Answer::in_language(language, language.page_with_scripts(html))
    };
    let english = of(Language::english());
    let others = Language::others().iter();
    let others: HashMap<_, _> = others.map(|other| (other.tag, of(other))).collect();
    let answers = Arc::new((english, others));
    router.route(
        path,
        get(async move |headers: HeaderMap| {
            let (english, others) = &*answers;
            let wanted = others.get(Language::preferred(&headers).tag);
            wanted.unwrap_or(english).to(&headers)
        }),
    )
}

fn serving(router: Router, path: &str, answer: Answer) -> Router {
    let answer = Arc::new(answer);
    router.route(
        path,
        get(async move |headers: HeaderMap| answer.to(&headers)),
    )
}
