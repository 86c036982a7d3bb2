//! The first page where no application is: what this is, and where to go.

use std::fmt::Write as _;

use axum::{http::StatusCode, response::Response};
use latchkey_domain::application::pages::PagePrefix;
use latchkey_service::directory::{Snapshot, page::is_at};

use crate::{escaped::escaped, html::Document, languages::Language};

/// The page, for who reached the service as `host`. It names the applications only at the address of the
/// service, and only where they are one organization's: nobody else is told who is here. It is in that language.
pub(crate) fn page(
    snapshot: &Snapshot,
    public_url: &str,
    prefix: &PagePrefix,
    host: &str,
    language: &'static Language,
) -> Response {
    let is_at_home = is_at(host, public_url);
    let applications = if is_at_home {
        snapshot.of_the_only_organization()
    } else {
        Vec::new()
    };
    let mut main = "      <h1>Signing in without passwords</h1>\n      \
                    <p>This is Latchkey. It keeps the passkeys and keys with which people sign in to the \
                    applications around it, and brings them from one device to another with a code.</p>\n"
        .to_owned();
    if snapshot.has_no_application() {
        main.push_str(NOBODY);
    } else if applications.is_empty() {
        main.push_str(SOMEWHERE);
    }
    for application in applications {
        let Some(origin) = application.relying_party.first_page() else {
            continue;
        };
        // An application that does not show our pages signs in at its own.
        let page = application.page(None, Some(prefix));
        let page = page.unwrap_or_else(|| origin.to_string());
        let enrol = application.enrol_page(None, Some(prefix));
        let name = escaped(application.name.as_str());
        let (origin, page) = (escaped(origin.as_str()), escaped(&page));
        let enrol = enrol.map_or_else(String::new, |url| {
            format!(
                "\n          <a class=\"button\" href=\"{}\">I have a code<span class=\"unseen\"> for \
                 <i translate=\"no\">{name}</i></span></a>",
                escaped(&url)
            )
        });
        // Writing to a string cannot fail.
        let _ = write!(
            main,
            r#"      <section class="card">
        <h2 translate="no">{name}</h2>
        <p class="hint" translate="no">{origin}</p>
        <div class="actions">
          <a class="button primary" href="{page}/">Sign in<span class="unseen"> to <i translate="no">{name}</i></span></a>{enrol}
        </div>
      </section>
"#
        );
    }
    main.push_str(&developers(prefix));
    if !is_at_home {
        let url = escaped(public_url);
        let _ = writeln!(
            main,
            "      <p class=\"hint\">The address of this service is \
             <a href=\"{url}{prefix}/\" translate=\"no\">{url}</a>.</p>"
        );
    }
    Document::new(prefix, "Signing in without passwords", &main).answer(StatusCode::OK, language)
}

/// For users, where nobody knows of which application.
const SOMEWHERE: &str = r#"      <section class="card">
        <h2>Do you want to sign in?</h2>
        <p>Open the address of the application you use: a passkey works there, and nowhere else. A code for a new passkey is entered there too.</p>
      </section>
"#;

/// For whoever has just installed it.
const NOBODY: &str = r#"      <section class="card">
        <h2>No application is registered yet</h2>
        <p>Whoever runs this service makes the first organization with its application by <code translate="no">latchkey bootstrap</code>.</p>
      </section>
"#;

fn developers(prefix: &PagePrefix) -> String {
    format!(
        r#"      <h2 class="between">For developers</h2>
      <ul>
        <li><a href="{prefix}/docs">API reference</a></li>
        <li><a href="/openapi.json">The same as an OpenAPI description</a></li>
        <li><a href="/.well-known/oauth-authorization-server">Issuer and keys of tokens</a></li>
      </ul>
"#
    )
}
