//! Pages of long lists.

use std::str::FromStr;

/// How many items a page of a list has at most: 1 to 200 (API contract §1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageSize(u16);

/// A number of items that no page can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number from 1 to {}", PageSize::MAXIMUM)]
pub struct PageSizeError;

impl PageSize {
    /// The most items of a page.
    pub const MAXIMUM: u16 = 200;

    /// A page of that many items.
    ///
    /// # Errors
    /// [`PageSizeError`] when it is 0 or more than [`Self::MAXIMUM`].
    pub fn new(items: u16) -> Result<Self, PageSizeError> {
        if (1..=Self::MAXIMUM).contains(&items) {
            Ok(Self(items))
        } else {
            Err(PageSizeError)
        }
    }

    /// The number of items.
    pub const fn items(self) -> u16 {
        self.0
    }
}

impl Default for PageSize {
    /// What a caller gets who asks for no size.
    fn default() -> Self {
        Self(100)
    }
}

impl FromStr for PageSize {
    type Err = PageSizeError;

    fn from_str(text: &str) -> Result<Self, PageSizeError> {
        // `u16` would also read a sign.
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(PageSizeError);
        }
        text.parse()
            .map_err(|_not_a_number| PageSizeError)
            .and_then(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_1_to_200_items() {
        for (text, items) in [("1", 1), ("007", 7), ("200", 200)] {
            assert_eq!(text.parse::<PageSize>().map(PageSize::items), Ok(items));
        }
        for text in ["", "0", "201", "65536", "-1", "+1", "1.0", " 1", "x", "１"] {
            assert_eq!(text.parse::<PageSize>(), Err(PageSizeError), "{text}");
        }
        assert_eq!(
            PageSizeError.to_string(),
            "must be a whole number from 1 to 200"
        );
    }

    #[test]
    fn who_asks_for_no_size_gets_100() {
        assert_eq!(PageSize::new(100), Ok(PageSize::default()));
    }
}
