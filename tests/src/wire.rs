//! Bytes on a TCP connection, for requests that no client library would send.

use std::{net::IpAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::{Outcome, failure, server::Server};

/// How long the server may stay silent; its own patience is 10 s.
const PATIENCE: Duration = Duration::from_secs(20);

/// One TCP connection.
pub struct Wire(TcpStream);

impl Wire {
    /// Connects.
    pub async fn to(server: &Server) -> Outcome<Self> {
        Ok(Self(TcpStream::connect(server.address()?).await?))
    }

    /// Connects from an address of this machine.
    pub async fn between(address: IpAddr, server: &Server) -> Outcome<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((address, 0).into())?;
        Ok(Self(socket.connect(server.address()?).await?))
    }

    /// Sends bytes.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> Outcome {
        self.0.write_all(bytes.as_ref()).await?;
        Ok(())
    }

    /// Says that no more bytes will come.
    pub async fn finish(&mut self) -> Outcome {
        self.0.shutdown().await?;
        Ok(())
    }

    /// Everything the server says until it closes the connection, as it must. A reset is a close too.
    pub async fn rest(&mut self) -> Outcome<String> {
        let mut bytes = Vec::new();
        let _reset = timeout(PATIENCE, self.0.read_to_end(&mut bytes))
            .await
            .map_err(|_elapsed| failure("the connection stays open"))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// What the server says next; `None` when it says nothing for `patience`.
    pub async fn next(&mut self, patience: Duration) -> Outcome<Option<String>> {
        let mut bytes = vec![0; 64 * 1024];
        match timeout(patience, self.0.read(&mut bytes)).await {
            Ok(read) => {
                bytes.truncate(read?);
                Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
            }
            Err(_elapsed) => Ok(None),
        }
    }
}

/// The head of a request that asks the server to close the connection afterwards.
pub fn head(method: &str, path: &str, fields: &[(&str, &str)]) -> String {
    let fields: String = fields
        .iter()
        .flat_map(|&(name, value)| [name, ": ", value, "\r\n"])
        .collect();
    format!("{method} {path} HTTP/1.1\r\nHost: latchkey.test\r\nConnection: close\r\n{fields}\r\n")
}

/// The status and the JSON body of an answer.
pub fn answer(text: &str) -> Outcome<(u16, serde_json::Value)> {
    let malformed = || failure(format!("not an HTTP answer with a JSON body: {text:?}"));
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(malformed)?;
    let status = head.split(' ').nth(1).ok_or_else(malformed)?;
    let body = serde_json::from_str(body).map_err(|_not_json| malformed())?;
    Ok((status.parse()?, body))
}
