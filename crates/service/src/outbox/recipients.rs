//! Who is being sent messages: one whose mail server takes minutes keeps nobody else waiting.

use std::sync::{Mutex, MutexGuard, PoisonError};

use latchkey_domain::text::Username;

/// How many messages are being sent to one domain at most.
const OF_ONE_DOMAIN: usize = 4;

/// Whom this process is sending messages to.
#[derive(Default)]
pub(crate) struct Recipients(Mutex<Vec<Recipient>>);

#[derive(Clone, PartialEq, Eq)]
struct Recipient {
    name: String,
    domain: String,
}

/// That a message is being sent, until it is dropped.
pub(super) struct Sending<'a> {
    recipients: &'a Recipients,
    to: Recipient,
}

impl Recipients {
    /// Begins with a message, unless one is being sent to the same recipient, or as many as may be to the same domain.
    pub(super) fn begin(&self, to: &Username) -> Option<Sending<'_>> {
        let to = Recipient {
            name: to.key(),
            domain: to.mail_domain(),
        };
        let mut those = self.those();
        let of_domain = those.iter().filter(|other| other.domain == to.domain);
        if those.contains(&to) || of_domain.count() >= OF_ONE_DOMAIN {
            return None;
        }
        those.push(to.clone());
        Some(Sending {
            recipients: self,
            to,
        })
    }

    /// Nobody panics while holding it.
    fn those(&self) -> MutexGuard<'_, Vec<Recipient>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        self.recipients.those().retain(|other| *other != self.to);
    }
}
