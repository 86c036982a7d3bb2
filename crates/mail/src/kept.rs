//! No delivery: messages stay in the outbox.

use async_trait::async_trait;
use latchkey_service::ports::mailer::{Delivery, DeliveryError, Mail, Mailer};

/// Leaves every message where it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kept;

#[async_trait]
impl Mailer for Kept {
    fn sends(&self) -> bool {
        false
    }

    async fn send(&self, _mail: Mail) -> Result<Delivery, DeliveryError> {
        Ok(Delivery::Kept)
    }
}
