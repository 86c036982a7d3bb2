//! Values that may change while the service runs.

use std::{fmt, sync::Arc};

use arc_swap::{ArcSwap, Guard};

/// A value that may change while requests are answered; clones share it. To read it takes no lock, and
/// whoever has read it goes on with what was read.
pub struct Live<T>(Arc<ArcSwap<T>>);

impl<T> Live<T> {
    /// That value, until it is changed.
    pub fn new(value: T) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(value)))
    }

    /// The value at this moment. It is not to be kept while something is waited for.
    pub fn read(&self) -> Guard<Arc<T>> {
        self.0.load()
    }

    /// Puts another value into its place, for whoever reads from now on.
    pub fn change(&self, value: T) {
        self.0.store(Arc::new(value));
    }
}

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Default> Default for Live<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Live<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: fmt::Debug> fmt::Debug for Live<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.read().fmt(formatter)
    }
}

/// As the values are at this moment.
impl<T: PartialEq> PartialEq for Live<T> {
    fn eq(&self, other: &Self) -> bool {
        **self.read() == **other.read()
    }
}

impl<T: Eq> Eq for Live<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_see_a_change_and_who_has_read_keeps_what_was_read() {
        let first = Live::new(1);
        let second = first.clone();
        let before = first.read();
        second.change(2);
        assert_eq!((**before, **first.read()), (1, 2));
        assert_eq!(first, second);
        assert_ne!(first, Live::from(1));
    }
}
