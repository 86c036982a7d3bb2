//! How the pages look at an application: its colours as a style sheet after ours, and its logo in the place of our
//! picture. Both are at one address for all applications, since the host says whose they are; so pages are the same
//! bytes everywhere, and are seen as they shall look without any script.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Extension, Router,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse as _, Response},
    routing::get,
};
use latchkey_domain::application::{
    Application,
    look::{Accent, LogoTag, Shades, Theme},
    pages::PagePrefix,
};
use latchkey_service::directory::Directory;

use crate::{answer::Answer, assets, hosts};

/// Where the colours are.
pub(crate) const STYLE: &str = "/assets/look.css";

/// Where the logo is.
pub(crate) const LOGO: &str = "/assets/logo";

/// How many logos are kept in memory, so that they are read once; of more than that some are read again.
const KEPT: usize = 64;

/// Whose host it is, as a request for a page carries it.
#[derive(Clone)]
pub(crate) struct Host(pub(crate) Arc<Application>);

/// What shows logos.
struct Logos {
    directory: Arc<Directory>,
    kept: Mutex<HashMap<LogoTag, Arc<Answer>>>,
    /// The picture where there is no logo.
    ours: Answer,
}

/// Both, for hosts of applications: requests carry a [`Host`].
pub(crate) fn routes(prefix: &PagePrefix, directory: Arc<Directory>) -> Router {
    let logos = Logos {
        directory,
        kept: Mutex::default(),
        ours: Answer::of(&assets::ICON),
    };
    Router::new()
        .route(&format!("{prefix}{LOGO}"), get(logo))
        .with_state(Arc::new(logos))
        .route(&format!("{prefix}{STYLE}"), get(style))
}

async fn style(Extension(Host(application)): Extension<Host>, asked: HeaderMap) -> Response {
    let colours = application.pages.look.accent.map(colours);
    Answer::new(assets::STYLE, colours.unwrap_or_default().into()).to(&asked)
}

/// The colours of both themes, in the place of those in `style.css`.
fn colours(accent: Accent) -> String {
    let root = |theme| {
        let Shades {
            accent,
            hover,
            on_accent,
            soft,
        } = accent.shades(theme);
        format!(
            ":root {{ --accent: {accent}; --accent-hover: {hover}; --on-accent: {on_accent}; --accent-soft: {soft}; }}"
        )
    };
    format!(
        "{}\n\n@media (prefers-color-scheme: dark) {{\n  {}\n}}\n",
        root(&Theme::LIGHT),
        root(&Theme::DARK)
    )
}

async fn logo(
    State(logos): State<Arc<Logos>>,
    Extension(Host(application)): Extension<Host>,
    asked: HeaderMap,
) -> Response {
    let Some(tag) = &application.pages.look.logo else {
        return logos.ours.to(&asked);
    };
    if let Some(known) = logos.known(tag) {
        return known.to(&asked);
    }
    match logos.directory.logo(&application.id).await {
        Ok(Some(logo)) => {
            let media_type = logo.kind().media_type();
            let picture = Answer::picture(media_type, logo.contents().to_vec().into());
            let picture = Arc::new(picture);
            logos.keep(logo.tag(), Arc::clone(&picture));
            picture.to(&asked)
        }
        // It has just been taken away.
        Ok(None) => logos.ours.to(&asked),
        Err(error) => hosts::failed(&error, "the logo cannot be read").into_response(),
    }
}

impl Logos {
    fn known(&self, tag: &LogoTag) -> Option<Arc<Answer>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(tag).map(Arc::clone)
    }

    fn keep(&self, tag: LogoTag, picture: Arc<Answer>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(tag, picture);
    }
}
