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
use latchkey_domain::{
    application::{
        Application,
        look::{Accent, Logo, LogoTag, Shades, Theme},
        pages::PagePrefix,
    },
    id::ApplicationId,
};
use latchkey_service::directory::Directory;

use crate::{
    answer::Answer,
    assets,
    hosts::{self, Host},
};

/// Where the colours are.
pub(crate) const STYLE: &str = "/assets/look.css";

/// Where the logo is.
pub(crate) const LOGO: &str = "/assets/logo";

/// Of how many applications logos are kept in memory, so that they are read once; of more than that some are read
/// again.
const KEPT: usize = 64;

/// What shows logos.
struct Logos {
    directory: Arc<Directory>,
    kept: Mutex<HashMap<ApplicationId, Kept>>,
    /// The picture where there is no logo.
    ours: Arc<Answer>,
}

/// What was shown of an application.
struct Kept {
    picture: Arc<Answer>,
    /// Which logo it is, if it is not our picture.
    tag: Option<LogoTag>,
    /// The application as the directory had it when the picture was read. The logo may have been changed since that
    /// was read, so for this one it is the right one whatever its tag says.
    of: Arc<Application>,
}

impl Kept {
    fn is_for(&self, application: &Arc<Application>) -> bool {
        self.tag == application.pages.look.logo || Arc::ptr_eq(&self.of, application)
    }
}

/// Both, for hosts of applications: requests carry a [`Host`].
pub(crate) fn routes(prefix: &PagePrefix, directory: Arc<Directory>) -> Router {
    let logos = Logos {
        directory,
        kept: Mutex::default(),
        ours: Arc::new(Answer::of(&assets::ICON)),
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
    if application.pages.look.logo.is_none() {
        return logos.ours.to(&asked);
    }
    if let Some(known) = logos.known(&application) {
        return known.to(&asked);
    }
    let logo = match logos.directory.logo(&application.id).await {
        Ok(logo) => logo,
        Err(error) => return hosts::failed(&error, "the logo cannot be read").into_response(),
    };
    let picture = match &logo {
        Some(logo) => {
            let media_type = logo.kind().media_type();
            let picture = Answer::picture(media_type, logo.contents().to_vec().into());
            Arc::new(picture)
        }
        // It has just been taken away.
        None => Arc::clone(&logos.ours),
    };
    logos.keep(Kept {
        picture: Arc::clone(&picture),
        tag: logo.as_ref().map(Logo::tag),
        of: application,
    });
    picture.to(&asked)
}

impl Logos {
    fn known(&self, application: &Arc<Application>) -> Option<Arc<Answer>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.get(&application.id)?;
        known
            .is_for(application)
            .then(|| Arc::clone(&known.picture))
    }

    fn keep(&self, picture: Kept) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let id = picture.of.id.clone();
        if kept.len() >= KEPT
            && !kept.contains_key(&id)
            && let Some(other) = kept.keys().next().cloned()
        {
            kept.remove(&other);
        }
        kept.insert(id, picture);
    }
}

#[cfg(test)]
mod tests {
    use latchkey_service::ports::{clock::MockClock, directory_store::MockDirectoryStore};

    use super::*;
    use crate::tests::application;

    fn logos() -> Logos {
        let store = MockDirectoryStore::new();
        let clock = MockClock::new();
        Logos {
            directory: Arc::new(Directory::new(Arc::new(store), Arc::new(clock))),
            kept: Mutex::default(),
            ours: Arc::new(Answer::of(&assets::ICON)),
        }
    }

    /// An application with that logo.
    fn with(logo: &Logo) -> Application {
        let mut application = application("One");
        application.pages.look.logo = Some(logo.tag());
        application
    }

    fn logo(number: u8) -> Logo {
        let mut contents = b"\x89PNG\r\n\x1a\n".to_vec();
        contents.push(number);
        Logo::new(contents).unwrap()
    }

    fn keep(logos: &Logos, of: &Arc<Application>, logo: &Logo) {
        logos.keep(Kept {
            picture: Arc::clone(&logos.ours),
            tag: Some(logo.tag()),
            of: Arc::clone(of),
        });
    }

    #[test]
    fn what_is_kept_is_for_its_tag_and_for_the_application_it_was_read_for() {
        let logos = logos();
        let [old, new] = [logo(1), logo(2)];
        let before = Arc::new(with(&old));
        keep(&logos, &before, &new);
        assert!(logos.known(&before).is_some());
        assert!(logos.known(&Arc::new(with(&new))).is_some());
        // It may have been changed back in between.
        assert!(logos.known(&Arc::new(with(&old))).is_none());
    }

    #[test]
    fn one_more_takes_the_place_of_one() {
        let logos = logos();
        let logo = logo(1);
        for number in 0..100 {
            let mut one = with(&logo);
            one.id = ApplicationId::from_random(&[number; 32]);
            let one = Arc::new(one);
            keep(&logos, &one, &logo);
            assert!(logos.known(&one).is_some());
        }
        assert_eq!(logos.kept.lock().unwrap().len(), KEPT);
    }
}
