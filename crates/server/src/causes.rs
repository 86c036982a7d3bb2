//! What errors say, with their causes.

use std::error::Error;

/// An error and its causes on one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.ends_with(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = error.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use std::io;

    use latchkey_service::ports::store::StoreError;

    use super::*;

    #[test]
    fn an_error_is_one_line_with_its_causes() {
        let cause = io::Error::other("disk full");
        let error = StoreError::new(cause);
        assert_eq!(chain(&error), "the store failed: disk full");
    }
}
