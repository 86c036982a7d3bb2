//! A running process.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    process::{Child, Command, ExitStatus},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::time::sleep;

use crate::{Outcome, failure, process};

/// How long a process may take for anything; only a broken one does.
const PATIENCE: Duration = Duration::from_mins(1);

const PAUSE: Duration = Duration::from_millis(20);

/// The pause while it starts, which is measured too.
const GLANCE: Duration = Duration::from_millis(5);

/// A server process; it is killed when this is dropped.
pub struct Server {
    child: Child,
    output: Arc<Mutex<Vec<u8>>>,
    readers: Vec<JoinHandle<()>>,
    address: Mutex<Option<SocketAddr>>,
}

impl Server {
    /// Starts the process without waiting for anything.
    pub fn spawn(mut command: Command) -> Outcome<Self> {
        let mut child = command.spawn()?;
        let output = Arc::default();
        let mut readers = Vec::new();
        if let Some(stream) = child.stderr.take() {
            readers.push(collect(stream, &output));
        }
        if let Some(stream) = child.stdout.take() {
            readers.push(collect(stream, &output));
        }
        Ok(Self {
            child,
            output,
            readers,
            address: Mutex::default(),
        })
    }

    /// Waits until the process listens and its readiness probe says so.
    pub async fn ready(&self) -> Outcome<()> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(address) = self.listening() {
                *self.address.lock().unwrap_or_else(PoisonError::into_inner) = Some(address);
                let probe = reqwest::get(format!("http://{address}/health/ready")).await;
                if probe.is_ok_and(|answer| answer.status() == 200) {
                    return Ok(());
                }
            } else if self.readers.iter().all(JoinHandle::is_finished) {
                break;
            }
            sleep(GLANCE).await;
        }
        Err(failure(format!(
            "the server is not ready; it said:\n{}",
            self.log()
        )))
    }

    /// Waits until its readiness probe says that it is not ready; what it says may be a second old.
    pub async fn not_ready(&self) -> Outcome<()> {
        let probe = format!("{}/health/ready", self.url()?);
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if reqwest::get(&probe).await?.status() == 503 {
                return Ok(());
            }
            sleep(GLANCE).await;
        }
        Err(failure("the server stays ready"))
    }

    /// Where it listens; an error before it is [`Self::ready`].
    pub fn address(&self) -> Outcome<SocketAddr> {
        self.address
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .ok_or_else(|| failure("the server does not listen yet"))
    }

    /// The id of the process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// The beginning of every URL, without a slash at the end.
    pub fn url(&self) -> Outcome<String> {
        Ok(format!("http://{}", self.address()?))
    }

    /// Everything it has written so far, standard output included.
    pub fn log(&self) -> String {
        let output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&output).into_owned()
    }

    /// The lines of the log that are JSON.
    pub fn events(&self) -> Vec<Value> {
        self.log()
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// Waits until the log has a line that `matches`.
    pub async fn event(&self, matches: impl Fn(&Value) -> bool) -> Outcome<Value> {
        self.eventually(|| self.events().into_iter().find(&matches))
            .await
    }

    /// Waits until the process has written a line that begins with `label`, and answers the rest of it.
    pub async fn line(&self, label: &str) -> Outcome<String> {
        let rest = |line: &str| Some(line.trim().strip_prefix(label)?.trim().to_owned());
        self.eventually(|| self.log().lines().find_map(rest)).await
    }

    async fn eventually<T>(&self, look: impl Fn() -> Option<T>) -> Outcome<T> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(found) = look() {
                return Ok(found);
            }
            sleep(PAUSE).await;
        }
        Err(failure(format!("nothing like it in:\n{}", self.log())))
    }

    fn listening(&self) -> Option<SocketAddr> {
        self.events()
            .iter()
            .find(|event| {
                event
                    .get("message")
                    .is_some_and(|words| words == "listening")
            })?
            .get("address")?
            .as_str()?
            .parse()
            .ok()
    }

    /// The most memory that it has had so far (`VmHWM`), in KiB.
    pub fn peak_memory(&self) -> Outcome<u64> {
        Ok(process::peak_memory(self.child.id())?.into())
    }

    /// Tells it to stop, as a service manager does.
    pub fn terminate(&self) -> Outcome<()> {
        self.signal("TERM")
    }

    /// Sends it a signal, by its name without `SIG`.
    pub fn signal(&self, name: &str) -> Outcome<()> {
        let sent = Command::new("sh")
            .args(["-c", "kill -\"$0\" \"$1\"", name])
            .arg(self.child.id().to_string())
            .status()?;
        if sent.success() {
            Ok(())
        } else {
            Err(failure(format!("SIG{name} cannot be sent")))
        }
    }

    /// Waits for its end, and answers that and everything it wrote.
    pub async fn end(mut self) -> Outcome<(ExitStatus, String)> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                for reader in self.readers.drain(..) {
                    reader
                        .join()
                        .map_err(|_panic| failure("the log cannot be read"))?;
                }
                return Ok((status, self.log()));
            }
            sleep(PAUSE).await;
        }
        Err(failure(format!(
            "the server does not end; it said:\n{}",
            self.log()
        )))
    }

    /// Tells it to stop and waits for its orderly end; answers everything it wrote.
    pub async fn stop(self) -> Outcome<String> {
        self.terminate()?;
        let (status, log) = self.end().await?;
        if status.success() {
            Ok(log)
        } else {
            Err(failure(format!("{status} after SIGTERM:\n{log}")))
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _killed = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// Collects the lines of a stream until it ends.
fn collect(stream: impl Read + Send + 'static, output: &Arc<Mutex<Vec<u8>>>) -> JoinHandle<()> {
    let output = Arc::clone(output);
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while stream
            .read_until(b'\n', &mut line)
            .is_ok_and(|read| read > 0)
        {
            output
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .append(&mut line);
        }
    })
}
