//! A list that grows.

use std::sync::OnceLock;

/// A list that grows and keeps what it has: whoever looks for what is there waits for nobody. It is searched from
/// its beginning, so it is for a few dozen things.
pub(super) struct Grown<K, V>(OnceLock<Box<Entry<K, V>>>);

struct Entry<K, V> {
    key: K,
    value: V,
    rest: Grown<K, V>,
}

impl<K, V> Default for Grown<K, V> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<K, V> Grown<K, V> {
    /// What is kept for a key; when there is nothing yet, what `make` gives, with the key as it is kept.
    pub(super) fn of<Q>(&self, key: &Q, make: impl Fn() -> (K, V)) -> &V
    where
        Q: PartialEq<K> + ?Sized,
    {
        let mut list = self;
        loop {
            let entry = list.0.get_or_init(|| {
                let (key, value) = make();
                let rest = Self::default();
                Box::new(Entry { key, value, rest })
            });
            if *key == entry.key {
                return &entry.value;
            }
            list = &entry.rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc, Barrier,
            atomic::{AtomicUsize, Ordering},
        },
        thread,
    };

    use super::*;

    #[test]
    fn what_was_made_once_is_found_again() {
        let made = AtomicUsize::new(0);
        let list = Grown::default();
        let find = |key: &str| {
            *list.of(key, || {
                (key.to_owned(), made.fetch_add(1, Ordering::Relaxed))
            })
        };
        assert_eq!([find("a"), find("b"), find("a"), find("b")], [0, 1, 0, 1]);
    }

    #[test]
    fn many_who_ask_at_once_find_the_same() {
        let list: Arc<Grown<usize, AtomicUsize>> = Arc::default();
        let start = Arc::new(Barrier::new(8));
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let (list, start) = (Arc::clone(&list), Arc::clone(&start));
                thread::spawn(move || {
                    start.wait();
                    for key in 0..50 {
                        let counted = list.of(&key, || (key, AtomicUsize::new(0)));
                        counted.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        for key in 0..50 {
            let counted = list.of(&key, || panic!("{key} is there"));
            assert_eq!(counted.load(Ordering::Relaxed), 8);
        }
    }
}
