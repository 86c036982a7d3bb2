//! How the pages of this service look at an application: its accent colour, and its logo.

use std::fmt;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

/// A colour of sRGB, as `#rrggbb` in small letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour([u8; 3]);

/// A text that is no colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be # and six digits of a colour (0 to 9, a to f), such as #0b5d56")]
pub struct ColourError;

const BLACK: Colour = Colour([0x00; 3]);
const WHITE: Colour = Colour([0xff; 3]);

impl Colour {
    /// Accepts `#rrggbb`, in letters of either case.
    ///
    /// # Errors
    /// [`ColourError`].
    pub fn new(text: &str) -> Result<Self, ColourError> {
        let digits = text.strip_prefix('#').ok_or(ColourError)?;
        let bytes = HEXLOWER.decode(digits.to_ascii_lowercase().as_bytes());
        let bytes = bytes.map_err(|_malformed| ColourError)?;
        bytes.try_into().map(Self).map_err(|_longer| ColourError)
    }

    /// This colour with so many hundredths of another one.
    fn mixed(self, other: Self, hundredths: u8) -> Self {
        let (Self(own), Self(others)) = (self, other);
        let share = u32::from(hundredths.min(100));
        let mut mixed = own;
        for (channel, other) in mixed.iter_mut().zip(others) {
            let sum = u32::from(*channel) * (100 - share) + u32::from(other) * share;
            // It is between the two.
            *channel = u8::try_from(sum / 100).unwrap_or(u8::MAX);
        }
        Self(mixed)
    }

    /// The relative luminance, from 0 to 1 (WCAG 2.2).
    fn luminance(self) -> f64 {
        let Self(channels) = self;
        let [red, green, blue] = channels.map(|channel| {
            let share = f64::from(channel) / 255.0;
            if share <= 0.040_45 {
                share / 12.92
            } else {
                ((share + 0.055) / 1.055).powf(2.4)
            }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// The contrast ratio with another colour, from 1 to 21 (WCAG 2.2).
    pub fn contrast(self, other: Self) -> f64 {
        let (one, other) = (self.luminance(), other.luminance());
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(channels) = self;
        write!(formatter, "#{}", HEXLOWER.encode(channels))
    }
}

/// What text needs to be read by everybody (WCAG 2.2, 1.4.3, level AA).
pub const READABLE: f64 = 4.5;

/// A theme of the pages: what they stand on, and from which end of the scale their text comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    /// What everything stands on.
    pub paper: Colour,
    /// What cards and fields are filled with.
    pub surface: Colour,
    /// Where a colour goes that cannot be read: to black where it is light, to white where it is dark.
    towards: Colour,
    /// What stands on a button in the accent colour.
    on_accent: Colour,
}

impl Theme {
    /// The light one; the style sheet of the pages has the same colours.
    pub const LIGHT: Self = Self {
        paper: Colour([0xf5, 0xf5, 0xf2]),
        surface: WHITE,
        towards: BLACK,
        on_accent: WHITE,
    };

    /// The dark one.
    pub const DARK: Self = Self {
        paper: Colour([0x13, 0x15, 0x16]),
        surface: Colour([0x1c, 0x1f, 0x21]),
        towards: WHITE,
        on_accent: Colour([0x13, 0x15, 0x16]),
    };
}

/// An accent colour in one theme: every two of these that stand on each other can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shades {
    /// Of links, and of the first button: on paper, surface and `soft`.
    pub accent: Colour,
    /// Of that button while it is pointed at.
    pub hover: Colour,
    /// What stands on both.
    pub on_accent: Colour,
    /// What notices are filled with.
    pub soft: Colour,
}

/// The colour that an application is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accent(Colour);

impl Accent {
    /// Accepts any colour: what cannot be read is brought to what can ([`shades`](Self::shades)).
    ///
    /// # Errors
    /// [`ColourError`].
    pub fn new(text: &str) -> Result<Self, ColourError> {
        Colour::new(text).map(Self)
    }

    /// The colour in a theme: as it is where everything can be read, else as near to it as it can be.
    pub fn shades(self, theme: &Theme) -> Shades {
        let Self(wanted) = self;
        let with = |hundredths| {
            let accent = wanted.mixed(theme.towards, hundredths);
            Shades {
                accent,
                hover: accent.mixed(theme.towards, 20),
                on_accent: theme.on_accent,
                soft: accent.mixed(theme.surface, 88),
            }
        };
        let can_be_read = |shades: &Shades| {
            let grounds = [theme.paper, theme.surface, shades.soft, shades.on_accent];
            grounds
                .iter()
                .all(|ground| shades.accent.contrast(*ground) >= READABLE)
        };
        // The end of the scale can be read on everything.
        (0..100)
            .map(with)
            .find(can_be_read)
            .unwrap_or_else(|| with(100))
    }
}

impl fmt::Display for Accent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A picture that an application is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logo {
    kind: LogoKind,
    contents: Vec<u8>,
}

/// What a logo is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogoKind {
    /// Portable Network Graphics.
    Png,
    /// Scalable Vector Graphics.
    Svg,
}

/// Why something is no logo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogoError {
    /// It is larger than pages should have to load.
    #[error("must be {} KiB at most", Logo::MAXIMUM / 1024)]
    TooLarge,
    /// It is nothing that all browsers show, or that they would take for something else.
    #[error("must be a PNG, or an SVG in UTF-8 with its namespace, http://www.w3.org/2000/svg")]
    NoPicture,
    /// It has parts that no picture needs, and that work where a picture is opened as a page. That there are none is no
    /// guard: what keeps it from doing anything is what it is served with.
    #[error("must be an SVG without {0}")]
    Unwanted(&'static str),
}

impl Logo {
    /// The most bytes it has.
    pub const MAXIMUM: usize = 64 * 1024;

    /// Accepts a PNG or an SVG, by what it begins with and is made of, and not by a name. Whoever shows it sees to
    /// it that it can do nothing; what is refused here is what would not work then.
    ///
    /// # Errors
    /// [`LogoError`].
    pub fn new(contents: Vec<u8>) -> Result<Self, LogoError> {
        /// Scripts, pages within, and entities, which can be made to grow without end.
        const UNWANTED: [&str; 3] = ["<script", "<foreignobject", "<!doctype"];
        const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
        if contents.len() > Self::MAXIMUM {
            return Err(LogoError::TooLarge);
        }
        if contents.starts_with(PNG) {
            return Ok(Self {
                kind: LogoKind::Png,
                contents,
            });
        }
        let text = str::from_utf8(&contents).map_err(|_other| LogoError::NoPicture)?;
        let text = text.to_ascii_lowercase();
        let is_svg = text.trim_start_matches('\u{feff}').trim().starts_with('<')
            && text.contains("<svg")
            && text.contains("http://www.w3.org/2000/svg");
        if !is_svg {
            return Err(LogoError::NoPicture);
        }
        match UNWANTED.into_iter().find(|part| text.contains(part)) {
            Some(part) => Err(LogoError::Unwanted(part)),
            None => Ok(Self {
                kind: LogoKind::Svg,
                contents,
            }),
        }
    }

    /// What it is.
    pub fn kind(&self) -> LogoKind {
        self.kind
    }

    /// Its bytes.
    pub fn contents(&self) -> &[u8] {
        &self.contents
    }

    /// What tells it from every other one.
    pub fn tag(&self) -> LogoTag {
        LogoTag(HEXLOWER.encode(&Sha256::digest(&self.contents)))
    }
}

impl LogoKind {
    /// Its media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Svg => "image/svg+xml",
        }
    }
}

/// Which logo it is: the SHA-256 digest of its bytes, in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LogoTag(String);

/// A text that is no digest of a logo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 64 hexadecimal digits")]
pub struct LogoTagError;

impl LogoTag {
    /// Accepts what [`Logo::tag`] gives.
    ///
    /// # Errors
    /// [`LogoTagError`].
    pub fn new(text: &str) -> Result<Self, LogoTagError> {
        match HEXLOWER.decode(text.as_bytes()) {
            Ok(digest) if digest.len() == 32 => Ok(Self(text.to_owned())),
            Ok(_) | Err(_) => Err(LogoTagError),
        }
    }

    /// The tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LogoTag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// How the pages of this service look at an application.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Its colour, in the place of that of this service.
    pub accent: Option<Accent>,
    /// Its logo, in the place of the picture of this service.
    pub logo: Option<LogoTag>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_six_digits() {
        for (text, kept) in [("#0B5d56", "#0b5d56"), ("#ffffff", "#ffffff")] {
            assert_eq!(Accent::new(text).unwrap().to_string(), kept);
        }
        for text in [
            "",
            "#",
            "0b5d56",
            "#0b5",
            "#0b5d5",
            "#0b5d56ff",
            "#0b5d5g",
            "#0b5d5 ",
            "red",
        ] {
            assert_eq!(Colour::new(text), Err(ColourError), "{text}");
        }
    }

    #[test]
    fn contrast_is_that_of_the_guidelines() {
        let grey = Colour::new("#777777").unwrap();
        for (one, other, ratio) in [
            (BLACK, WHITE, 21.0),
            (WHITE, WHITE, 1.0),
            (grey, WHITE, 4.478),
        ] {
            assert!((one.contrast(other) - ratio).abs() < 0.001, "{one} {other}");
            assert!((other.contrast(one) - ratio).abs() < 0.001);
        }
    }

    #[test]
    fn every_colour_can_be_read_in_both_themes() {
        let ink = [("#1b1d1f", "#565b61"), ("#eceeef", "#a8aeb4")];
        let steps = [0x00, 0x20, 0x55, 0x80, 0xaa, 0xd0, 0xff];
        for red in steps {
            for green in steps {
                for blue in steps {
                    let colour = Colour([red, green, blue]);
                    for (theme, (ink, quiet)) in [Theme::LIGHT, Theme::DARK].iter().zip(ink) {
                        let shades = Accent(colour).shades(theme);
                        let (ink, quiet) = (Colour::new(ink).unwrap(), Colour::new(quiet).unwrap());
                        for (text, ground) in [
                            (shades.accent, theme.paper),
                            (shades.accent, theme.surface),
                            (shades.accent, shades.soft),
                            (shades.on_accent, shades.accent),
                            (shades.on_accent, shades.hover),
                            (ink, shades.soft),
                            (quiet, shades.soft),
                        ] {
                            let ratio = text.contrast(ground);
                            assert!(ratio >= READABLE, "{colour}: {text} on {ground}: {ratio}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn what_can_be_read_stays_as_it_is() {
        let accent = Accent::new("#0b5d56").unwrap();
        assert_eq!(accent.shades(&Theme::LIGHT).accent, accent.0);
        assert_ne!(accent.shades(&Theme::DARK).accent, accent.0);
        let light = Accent::new("#74d3c6").unwrap();
        assert_eq!(light.shades(&Theme::DARK).accent, light.0);
        assert_ne!(light.shades(&Theme::LIGHT).accent, light.0);
    }

    const SVG: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\"><path d=\"M0 0h1v1z\"/></svg>";

    #[test]
    fn a_logo_is_known_by_what_it_is_made_of() {
        let png = b"\x89PNG\r\n\x1a\n and so on".to_vec();
        let declared = format!("\u{feff}<?xml version=\"1.0\"?>\n<!-- ours -->\n{SVG}");
        for (contents, kind) in [
            (png, LogoKind::Png),
            (SVG.into(), LogoKind::Svg),
            (declared.into_bytes(), LogoKind::Svg),
        ] {
            let logo = Logo::new(contents.clone()).unwrap();
            assert_eq!((logo.kind(), logo.contents()), (kind, contents.as_slice()));
            let tag = logo.tag();
            assert_eq!(LogoTag::new(tag.as_str()), Ok(tag));
        }
        let other = Logo::new(format!("{SVG}\n").into()).unwrap();
        assert_ne!(Logo::new(SVG.into()).unwrap().tag(), other.tag());
        for text in ["", "ab", &"g".repeat(64), &"A".repeat(64), &"a".repeat(66)] {
            assert_eq!(LogoTag::new(text), Err(LogoTagError), "{text}");
        }
    }

    #[test]
    fn what_is_no_picture_or_more_than_one_is_refused() {
        for contents in [
            "",
            "GIF89a",
            "<svg/>",
            "svg http://www.w3.org/2000/svg <svg",
            "<html xmlns=\"http://www.w3.org/2000/svg\"/>",
        ] {
            let refused = Logo::new(contents.into());
            assert_eq!(refused, Err(LogoError::NoPicture), "{contents}");
        }
        let utf16 = SVG.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(Logo::new(utf16), Err(LogoError::NoPicture));
        for (part, named) in [
            ("<ScRipt>alert(1)</ScRipt>", "<script"),
            ("<foreignObject/>", "<foreignobject"),
            ("<!DOCTYPE svg [<!ENTITY a \"b\">]>", "<!doctype"),
        ] {
            let refused = Logo::new(format!("{part}{SVG}").into());
            assert_eq!(refused, Err(LogoError::Unwanted(named)), "{part}");
        }
        let mut large = SVG.as_bytes().to_vec();
        large.resize(Logo::MAXIMUM, b' ');
        assert!(Logo::new(large.clone()).is_ok());
        large.push(b' ');
        assert_eq!(Logo::new(large), Err(LogoError::TooLarge));
    }
}
