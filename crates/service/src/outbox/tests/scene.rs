//! Processes that send messages, and a mail server that takes its time, on a clock that goes.

use std::{
    iter,
    sync::{Mutex, MutexGuard},
};

use tokio::time::Instant;

use super::*;

/// Outboxes of one database, on a clock that goes.
pub(super) struct Scene {
    begun: Instant,
    rows: Mutex<Vec<Row>>,
    /// From when to when the database is away.
    away: (Duration, Duration),
    /// What was sent, and when that was begun.
    sent: Mutex<Vec<(MessageId, Duration)>>,
    /// How long the mail server takes over each of the first messages.
    takes: Vec<Duration>,
}

/// A message that is kept.
pub(super) struct Row {
    id: MessageId,
    to: Username,
    due: Timestamp,
    attempts: u32,
}

fn id(number: u8) -> MessageId {
    MessageId::from_random(&[number; 32])
}

impl Scene {
    /// Messages to users of as many domains.
    pub(super) fn new(messages: u8, takes: &[Duration], away: (u64, u64)) -> Arc<Self> {
        let to = |number| format!("somebody@{number}.example");
        Self::to((0..messages).map(to), takes, away)
    }

    /// Messages to these users.
    pub(super) fn to(
        recipients: impl Iterator<Item = String>,
        takes: &[Duration],
        away: (u64, u64),
    ) -> Arc<Self> {
        let row = |(number, to): (u8, String)| Row {
            id: id(number),
            to: Username::new(&to).unwrap(),
            due: NOW,
            attempts: 0,
        };
        Arc::new(Self {
            begun: Instant::now(),
            rows: Mutex::new((0..).zip(recipients).map(row).collect()),
            away: (Duration::from_secs(away.0), Duration::from_secs(away.1)),
            sent: Mutex::default(),
            takes: takes.to_vec(),
        })
    }

    fn outbox(self: &Arc<Self>) -> Outbox {
        Outbox {
            clock: self.clone(),
            store: self.clone(),
            mailer: self.clone(),
            ..outbox(MockMessageStore::new(), MockMailer::new())
        }
    }

    /// Lets that many processes work for so long.
    pub(super) async fn work(self: &Arc<Self>, processes: usize, duration: Duration) {
        let outboxes: Vec<_> = iter::repeat_with(|| self.outbox())
            .take(processes)
            .collect();
        let (_working, stops) = watch::channel(());
        let work = outboxes.iter().map(|outbox| outbox.run(stops.clone()));
        assert!(timeout(duration, join_all(work)).await.is_err());
    }

    /// Which messages were sent, and after how many seconds.
    pub(super) fn sent(&self) -> Vec<(u8, u64)> {
        let sent = self.sent.lock().unwrap();
        let number = |sent: &MessageId| (0..=u8::MAX).find(|number| id(*number) == *sent).unwrap();
        sent.iter()
            .map(|(id, at)| (number(id), at.as_secs()))
            .collect()
    }

    /// The messages that are still kept.
    pub(super) fn rows(&self) -> Result<MutexGuard<'_, Vec<Row>>, StoreError> {
        let (from, to) = self.away;
        if (from..to).contains(&self.begun.elapsed()) {
            Err(StoreError::unavailable("it is away"))
        } else {
            Ok(self.rows.lock().unwrap())
        }
    }

    fn with(
        &self,
        claimed: &ClaimedMessage,
        change: impl FnOnce(&mut Vec<Row>, usize),
    ) -> Result<bool, StoreError> {
        let mut rows = self.rows()?;
        let is_it = |row: &Row| row.id == claimed.message.id && row.attempts == claimed.attempt;
        let found = rows.iter().position(is_it);
        if let Some(index) = found {
            change(&mut rows, index);
        }
        Ok(found.is_some())
    }
}

impl Clock for Scene {
    fn now(&self) -> Timestamp {
        NOW.plus(self.begun.elapsed())
    }
}

#[async_trait::async_trait]
impl Mailer for Scene {
    async fn send(&self, mail: Mail) -> Result<Delivery, DeliveryError> {
        let takes = {
            let mut sent = self.sent.lock().unwrap();
            sent.push((mail.id, self.begun.elapsed()));
            self.takes.get(sent.len() - 1).copied()
        };
        sleep(takes.unwrap_or_default()).await;
        Ok(Delivery::Delivered)
    }
}

#[async_trait::async_trait]
impl MessageStore for Scene {
    async fn claim(
        &self,
        now: Timestamp,
        lease: Duration,
        _batch: u32,
    ) -> Result<Vec<ClaimedMessage>, StoreError> {
        let mut rows = self.rows()?;
        let row = rows.iter_mut().find(|row| row.due <= now);
        Ok(row.map_or_else(Vec::new, |row| {
            row.attempts += 1;
            row.due = now.plus(lease);
            let mut claimed = named(&row.id, row.attempts);
            claimed.message.to = row.to.clone();
            claimed.message.expires = NOW.plus(Duration::from_hours(1));
            vec![claimed]
        }))
    }

    async fn remove(&self, claimed: &ClaimedMessage) -> Result<bool, StoreError> {
        self.with(claimed, |rows, index| {
            rows.remove(index);
        })
    }

    async fn hold(&self, claimed: &ClaimedMessage, until: Timestamp) -> Result<bool, StoreError> {
        self.with(claimed, |rows, index| rows[index].due = until)
    }

    async fn put_back(
        &self,
        claimed: &ClaimedMessage,
        postponed: &Postponement,
    ) -> Result<bool, StoreError> {
        self.with(claimed, |rows, index| rows[index].due = postponed.due)
    }

    async fn pending(&self, _now: Timestamp) -> Result<Pending, StoreError> {
        Ok(Pending::default())
    }

    async fn hasten(&self, _which: &Which) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn discard(&self, _which: &Which) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn waiting(&self, _now: Timestamp) -> Result<Vec<ListedMessage>, StoreError> {
        Ok(vec![])
    }
}
