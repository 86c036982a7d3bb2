//! A stream that gives up on a peer who does not take what is written to it, and tells when one speaks or
//! does not read.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use super::places::Pacer;

/// A stream whose writes fail when the peer takes nothing for a while. Without it, a client that sends
/// requests but never reads would hold its connection for ever.
pub(super) struct Patience<S> {
    stream: S,
    at_most: Duration,
    /// Is told of everything that is read, and whether what is written is taken.
    pacer: Pacer,
    /// Runs while a write is waiting.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<S> Patience<S> {
    pub(super) fn new(stream: S, at_most: Duration, pacer: Pacer) -> Self {
        Self {
            stream,
            at_most,
            pacer,
            deadline: None,
        }
    }

    /// Passes progress on and measures how long there is none.
    fn watch<T>(
        &mut self,
        context: &mut Context<'_>,
        progress: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if progress.is_ready() {
            if self.deadline.take().is_some() {
                self.pacer.go_on();
            }
            return progress;
        }
        // Whatever is answered meanwhile would not be read either.
        self.pacer.stall();
        let at_most = self.at_most;
        let deadline = self
            .deadline
            .get_or_insert_with(|| Box::pin(sleep(at_most)));
        ready!(deadline.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the peer does not read",
        )))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patience<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.pacer.hear();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patience<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let progress = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, progress)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let progress = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watch(context, progress)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let progress = Pin::new(&mut self.stream).poll_flush(context);
        self.watch(context, progress)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let progress = Pin::new(&mut self.stream).poll_shutdown(context);
        self.watch(context, progress)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, duplex},
        time::timeout,
    };

    use super::*;

    #[tokio::test]
    async fn a_peer_who_reads_gets_everything() {
        let (mut peer, ours) = duplex(8);
        let mut ours = Patience::new(ours, Duration::from_secs(5), Pacer::new());
        let reading = tokio::spawn(async move {
            let mut received = vec![0; 64];
            peer.read_exact(&mut received).await.unwrap();
            received
        });
        ours.write_all(&[7; 64]).await.unwrap();
        assert_eq!(reading.await.unwrap(), [7; 64]);
    }

    #[tokio::test]
    async fn a_peer_who_does_not_read_is_given_up() {
        let (_peer, ours) = duplex(8);
        let mut ours = Patience::new(ours, Duration::from_millis(20), Pacer::new());
        let error = ours.write_all(&[7; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_told_whether_the_peer_reads() {
        let (mut peer, ours) = duplex(8);
        let pacer = Pacer::new();
        let mut ours = Patience::new(ours, Duration::from_hours(1), pacer.clone());
        let (answering, _no_body) = pacer.begin(false);
        answering.send();
        ours.write_all(&[7; 8]).await.unwrap();
        assert_eq!(pacer.waiting_since(), None);
        let soon = Duration::from_secs(1);
        let further = timeout(soon, ours.write_all(&[7; 8])).await;
        assert!(further.is_err());
        assert!(pacer.waiting_since().is_some());
        peer.read_exact(&mut [0; 8]).await.unwrap();
        ours.write_all(&[7; 8]).await.unwrap();
        assert_eq!(pacer.waiting_since(), None);
    }
}
