//! What a person is told who opens an address that is refused.

use std::borrow::Cow;

use axum::{
    http::{HeaderMap, StatusCode},
    response::Response,
};
use latchkey_domain::application::pages::PagePrefix;

use crate::{accept::header_prefers_page, escaped::escaped, html::Document, languages::Language};

/// Gives the page for a read that is refused with a status, for who prefers a page to JSON by the headers of the
/// request (`Accept`), in the language they prefer (`Accept-Language`); the pages are below that prefix. When the
/// service is away for a moment, the page asks for what was wanted until it can be had.
pub fn refusal(
    prefix: PagePrefix,
) -> impl Fn(&HeaderMap, StatusCode, &str) -> Option<Response> + Send + Sync {
    move |headers, status, request_id| {
        let language = Language::preferred(headers);
        header_prefers_page(headers).then(|| page(&prefix, status, request_id, language))
    }
}

fn page(
    prefix: &PagePrefix,
    status: StatusCode,
    request_id: &str,
    language: &'static Language,
) -> Response {
    let (title, text) = words(prefix, status);
    let mut main = format!("      <h1>{title}</h1>\n      {text}\n");
    if status.is_server_error() {
        main.push_str(
            "      <p class=\"hint\">For whoever runs this service: the log tells of request \
             <code translate=\"no\">",
        );
        main.push_str(&escaped(request_id));
        main.push_str("</code>.</p>\n");
    }
    Document {
        asks_again: status == StatusCode::SERVICE_UNAVAILABLE,
        ..Document::new(prefix, title, &main)
    }
    .answer(status, language)
}

/// What it is called, and what to do, in HTML.
fn words(prefix: &PagePrefix, status: StatusCode) -> (&'static str, Cow<'static, str>) {
    let (title, text) = match status {
        StatusCode::NOT_FOUND => {
            let text = format!(
                "<p>Check the address, or go to <a href=\"{prefix}/\">the beginning</a>.</p>"
            );
            return ("There is nothing here", text.into());
        }
        StatusCode::MISDIRECTED_REQUEST => (
            "This is a demonstration",
            "<p>It is for the machine it runs on, as long as nobody has registered there.</p>\n      \
             <p>Whoever runs it lets others in by setting <code translate=\"no\">http.public_url</code>, and \
             <code translate=\"no\">http.trusted_proxies</code> where there is a reverse proxy, and by making an organization \
             with <code translate=\"no\">latchkey bootstrap</code>.</p>",
        ),
        StatusCode::TOO_MANY_REQUESTS => (
            "Too many attempts",
            "<p>Wait a moment, and then load this page again.</p>",
        ),
        StatusCode::SERVICE_UNAVAILABLE => (
            "Back in a moment",
            "<p role=\"status\">The service cannot answer at present. This page asks again every few seconds, \
             and shows what you wanted as soon as it can: there is nothing you need to do.</p>\n      \
             <noscript><p>Without JavaScript, load it again yourself.</p></noscript>",
        ),
        status if status.is_server_error() => (
            "Something went wrong",
            "<p>It is no fault of yours. Load this page again, or come back later.</p>",
        ),
        _ => {
            let text = format!(
                "<p>It belongs to the API, which pages and programs call. People begin at \
                 <a href=\"{prefix}/\">the start page</a>; <a href=\"{prefix}/docs\">the API reference</a> says \
                 how a program calls it.</p>"
            );
            return ("This address is for programs", text.into());
        }
    };
    (title, text.into())
}
