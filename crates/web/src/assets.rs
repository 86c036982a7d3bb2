//! The files, and where they are served.

/// A file that is served as it is.
pub(crate) struct Asset {
    /// Where.
    pub(crate) path: &'static str,
    /// As what.
    pub(crate) media_type: &'static str,
    /// What.
    pub(crate) contents: &'static [u8],
}

impl Asset {
    /// What it says, if it is a page.
    pub(crate) fn page(&self) -> Option<&'static str> {
        let html = (self.media_type == HTML).then_some(self.contents)?;
        str::from_utf8(html).ok()
    }

    /// How its address is typed, too, by who has read it on another screen: as keyboards begin words, with a slash
    /// behind it, and as Americans spell it.
    pub(crate) fn typed_otherwise(&self) -> Vec<String> {
        let Some(name) = self.path.strip_prefix('/').filter(|name| !name.is_empty()) else {
            return Vec::new();
        };
        let spelt = match name {
            "enrol" => vec![name, "enroll"],
            name => vec![name],
        };
        let begun = spelt.into_iter().flat_map(|name| {
            let (first, rest) = name.split_at(1);
            [name.to_owned(), first.to_uppercase() + rest]
        });
        let ended = begun.flat_map(|name| [format!("/{name}"), format!("/{name}/")]);
        ended.filter(|typed| typed != self.path).collect()
    }
}

/// The picture of this service.
pub(crate) const ICON: Asset = Asset {
    path: "/assets/icon.svg",
    media_type: "image/svg+xml",
    contents: include_bytes!("../assets/icon.svg"),
};

/// The type of a page.
pub(crate) const HTML: &str = "text/html; charset=utf-8";

/// The type of style sheets.
pub(crate) const STYLE: &str = "text/css; charset=utf-8";

/// The type of scripts.
pub(crate) const SCRIPT: &str = "text/javascript; charset=utf-8";

/// What pages that only tell something are made of: on every host, since nobody is refused an explanation.
pub(crate) const EVERYWHERE: &[Asset] = &[
    Asset {
        path: "/assets/style.css",
        media_type: STYLE,
        contents: include_bytes!("../assets/style.css"),
    },
    Asset {
        path: "/assets/reference.css",
        media_type: STYLE,
        contents: include_bytes!("../assets/reference.css"),
    },
    ICON,
    script(
        "/assets/scripts/again.js",
        include_bytes!("../assets/scripts/again.js"),
    ),
];

/// The pages of applications, and what they are made of besides: on the hosts of registered ones.
pub(crate) const OF_APPLICATIONS: &[Asset] = &[
    page("/", include_bytes!("../assets/pages/index.html")),
    page("/register", include_bytes!("../assets/pages/register.html")),
    page("/account", include_bytes!("../assets/pages/account.html")),
    page("/enrol", include_bytes!("../assets/pages/enrol.html")),
    page("/recover", include_bytes!("../assets/pages/recover.html")),
    // One for each page.
    script(
        "/assets/scripts/index.js",
        include_bytes!("../assets/scripts/index.js"),
    ),
    script(
        "/assets/scripts/register.js",
        include_bytes!("../assets/scripts/register.js"),
    ),
    script(
        "/assets/scripts/account.js",
        include_bytes!("../assets/scripts/account.js"),
    ),
    script(
        "/assets/scripts/enrol.js",
        include_bytes!("../assets/scripts/enrol.js"),
    ),
    script(
        "/assets/scripts/recover.js",
        include_bytes!("../assets/scripts/recover.js"),
    ),
    // Parts of pages.
    script(
        "/assets/scripts/cards.js",
        include_bytes!("../assets/scripts/cards.js"),
    ),
    script(
        "/assets/scripts/ask-panel.js",
        include_bytes!("../assets/scripts/ask-panel.js"),
    ),
    script(
        "/assets/scripts/grant-panel.js",
        include_bytes!("../assets/scripts/grant-panel.js"),
    ),
    script(
        "/assets/scripts/code-panel.js",
        include_bytes!("../assets/scripts/code-panel.js"),
    ),
    script(
        "/assets/scripts/here-panel.js",
        include_bytes!("../assets/scripts/here-panel.js"),
    ),
    script(
        "/assets/scripts/recovery-panel.js",
        include_bytes!("../assets/scripts/recovery-panel.js"),
    ),
    script(
        "/assets/scripts/kit-panel.js",
        include_bytes!("../assets/scripts/kit-panel.js"),
    ),
    // What they have in common.
    script(
        "/assets/scripts/api.js",
        include_bytes!("../assets/scripts/api.js"),
    ),
    script(
        "/assets/scripts/asking.js",
        include_bytes!("../assets/scripts/asking.js"),
    ),
    script(
        "/assets/scripts/claimed.js",
        include_bytes!("../assets/scripts/claimed.js"),
    ),
    script(
        "/assets/scripts/code-field.js",
        include_bytes!("../assets/scripts/code-field.js"),
    ),
    script(
        "/assets/scripts/device.js",
        include_bytes!("../assets/scripts/device.js"),
    ),
    script(
        "/assets/scripts/encoding.js",
        include_bytes!("../assets/scripts/encoding.js"),
    ),
    script(
        "/assets/scripts/kept.js",
        include_bytes!("../assets/scripts/kept.js"),
    ),
    script(
        "/assets/scripts/kinds.js",
        include_bytes!("../assets/scripts/kinds.js"),
    ),
    script(
        "/assets/scripts/kit.js",
        include_bytes!("../assets/scripts/kit.js"),
    ),
    script(
        "/assets/scripts/language.js",
        include_bytes!("../assets/scripts/language.js"),
    ),
    script(
        "/assets/scripts/messages.js",
        include_bytes!("../assets/scripts/messages.js"),
    ),
    script(
        "/assets/scripts/name-field.js",
        include_bytes!("../assets/scripts/name-field.js"),
    ),
    script(
        "/assets/scripts/page.js",
        include_bytes!("../assets/scripts/page.js"),
    ),
    script(
        "/assets/scripts/passkeys.js",
        include_bytes!("../assets/scripts/passkeys.js"),
    ),
    script(
        "/assets/scripts/question.js",
        include_bytes!("../assets/scripts/question.js"),
    ),
    script(
        "/assets/scripts/return.js",
        include_bytes!("../assets/scripts/return.js"),
    ),
    script(
        "/assets/scripts/scanned.js",
        include_bytes!("../assets/scripts/scanned.js"),
    ),
    script(
        "/assets/scripts/sent.js",
        include_bytes!("../assets/scripts/sent.js"),
    ),
    script(
        "/assets/scripts/session.js",
        include_bytes!("../assets/scripts/session.js"),
    ),
    script(
        "/assets/scripts/texts.js",
        include_bytes!("../assets/scripts/texts.js"),
    ),
    script(
        "/assets/scripts/unkept.js",
        include_bytes!("../assets/scripts/unkept.js"),
    ),
    // Made by others: its licence is its first lines.
    script(
        "/assets/vendor/uqr.js",
        include_bytes!("../assets/vendor/uqr.js"),
    ),
];

const fn page(path: &'static str, contents: &'static [u8]) -> Asset {
    Asset {
        path,
        media_type: HTML,
        contents,
    }
}

const fn script(path: &'static str, contents: &'static [u8]) -> Asset {
    Asset {
        path,
        media_type: SCRIPT,
        contents,
    }
}
