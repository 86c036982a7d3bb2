//! A flood of connections, made-up names and made-up codes, from many addresses: the memory of the server
//! stays bounded, nothing breaks, and somebody at another address is served meanwhile.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};

use latchkey_e2e::{
    Outcome,
    ceremony::{Call, act, enrol, issue_code, join},
    client::Client,
    failure,
    holder::Holder,
    installation::{DatabaseKind, Installation, text},
    narration::say,
    people::{HERE, THERE},
    server::Server,
    trial::rounds,
    wire::Wire,
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// How many connections the server takes, and how many of one address.
const CONNECTIONS: u64 = 256;
const SHARE: u32 = 64;

/// How many connections are opened a round: more than the server takes, from so many addresses.
const ADDRESSES: u8 = 16;
const OPENED_BY_EACH: u32 = 24;

/// How many requests are made a round, by so many at once.
const REQUESTS: u32 = 1_600;
const AT_ONCE: u32 = 8;

/// The address of a proxy that the server trusts, so that others can be made up behind it.
const PROXY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// The most bytes of a body, of which a client owes the last one.
const BODY: usize = 256 * 1024;

/// The most memory of the server in KiB, whatever comes: the program itself, on every connection a head of
/// 64 KiB and a body of 256 KiB, and of each of ten limits 65,536 windows of 64 bytes.
const MOST: u64 = 96 * 1024 + CONNECTIONS * (64 + 256) + 10 * 65_536 * 64 / 1024;

/// What the flood is made of.
#[derive(Default)]
struct Flood {
    organization: String,
    /// How many names, codes and addresses were made up.
    made_up: AtomicU32,
    /// How many requests were answered, and how many connections were cut off instead.
    answered: AtomicU32,
    cut_off: AtomicU32,
}

impl Flood {
    /// Connections that say nothing, that stop in the middle of a head, and, from as many addresses as leave
    /// room for others, that owe the end of a body. The server may give their places to others.
    async fn connect(&self, server: &Server) -> Outcome<Vec<Wire>> {
        let owed = vec![b' '; BODY - 1];
        let mut wires = vec![];
        for host in 1..=ADDRESSES {
            let address = IpAddr::from([127, 0, 1, host]);
            for number in 0..OPENED_BY_EACH {
                let mut wire = Wire::between(address, server).await?;
                let sent = match number % 3 {
                    0 => Ok(()),
                    1 => wire.send("POST /auth/login/init HTTP/1.1\r\nHost: ").await,
                    _ if host > ADDRESSES / 2 => wire.send("GET / HTTP/1.1\r\n").await,
                    _ => {
                        let head = format!(
                            "POST /auth/login/init HTTP/1.1\r\nHost: latchkey.test\r\n\
                             Content-Type: application/json\r\nContent-Length: {BODY}\r\n\r\n"
                        );
                        let begun = wire.send(head).await;
                        begun.and(wire.send(&owed).await)
                    }
                };
                self.cut_off
                    .fetch_add(u32::from(sent.is_err()), Ordering::Relaxed);
                wires.push(wire);
            }
        }
        Ok(wires)
    }

    /// Requests of strangers behind a proxy, each from another network, with another name and another code.
    async fn ask(self: Arc<Self>, base: String, requests: u32) -> Outcome {
        let http = reqwest::Client::builder()
            .local_address(IpAddr::from(PROXY))
            .build()?;
        for _ in 0..requests {
            let number = self.made_up.fetch_add(1, Ordering::Relaxed);
            let (method, path, body) = self.request(number);
            let request = http
                .request(method, format!("{base}{path}"))
                .header("origin", THERE)
                .header(
                    "x-forwarded-for",
                    format!("2001:{:x}:{:x}::1", number >> 16, number & 0xffff),
                )
                .json(&body);
            match request.send().await {
                Ok(answer) if answer.status().is_server_error() => {
                    return Err(failure(format!("{path}: {}", answer.status())));
                }
                Ok(_answer) => self.answered.fetch_add(1, Ordering::Relaxed),
                Err(_cut_off) => self.cut_off.fetch_add(1, Ordering::Relaxed),
            };
        }
        Ok(())
    }

    /// What a stranger asks for. Short codes without a name are left out: of all addresses together they have
    /// one limit, and whoever has a right one is refused with the others.
    fn request(&self, number: u32) -> (Method, &'static str, Value) {
        let organization = &self.organization;
        // As long as names may be.
        let username = format!("{number:a>242}@example.com");
        let code = format!("{number:0>9}").replace(['0', '1'], "Z");
        let named = json!({ "orgId": organization, "username": username });
        let with = |member: &str, value: &str| json!({ "orgId": organization, "username": username, (member): value });
        match number % 8 {
            0 => (Method::POST, "/auth/login/init", named),
            1 => (Method::POST, "/auth/login/init", with("loginCode", &code)),
            2 => (Method::POST, "/auth/login/code", named),
            3 => (Method::PUT, "/auth/registration/code", named),
            4 => (Method::POST, "/auth/recover/user/code", named),
            5 => {
                let body = with("registrationCode", &format!("rc_{code}"));
                (Method::POST, "/auth/registration/init", body)
            }
            6 => {
                let body = json!({ "credentialKind": "Key", "code": code, "username": username });
                (Method::POST, "/auth/credentials/code/init", body)
            }
            _ => {
                let body = json!({ "credentialKind": "Key", "code": format!("cc_{code}") });
                (Method::POST, "/auth/credentials/code/init", body)
            }
        }
    }
}

/// Whole code flows from an address that has no part in the flood, until it is over.
async fn serve(
    here: &Client,
    there: &Client,
    own: &mut Holder,
    flood: &mut JoinSet<Outcome>,
) -> Outcome<u32> {
    let mut flows = 0;
    loop {
        let code = text(&issue_code(here, own).await?, "code")?;
        let added = enrol(there, &code, &mut Holder::key()).await?;
        let path = format!("/auth/credentials/{}", text(&added, "credentialUuid")?);
        let delete = Call::new(Method::DELETE, &path, json!({}));
        act(here, own, &delete).await?.ok()?;
        flows += 1;
        while let Some(ended) = flood.try_join_next() {
            ended??;
        }
        if flood.is_empty() {
            return Ok(flows);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_fills_bounded_memory_and_another_address_is_served() -> Outcome {
    let rounds = rounds(2)?;
    let installation = Installation::empty(DatabaseKind::Sqlite)?
        .with("HTTP__MAXIMUM_CONNECTIONS", &CONNECTIONS.to_string())
        .with("HTTP__MAXIMUM_CONNECTIONS_PER_ADDRESS", &SHARE.to_string())
        .with("HTTP__TRUSTED_PROXIES", &PROXY.to_string())
        .with("LIMITS__USER_ACTIONS_PER_USER", "1000000");
    let acme = installation.bootstrap("Acme")?;
    let server = installation.start().await?;
    let local = IpAddr::from(Ipv4Addr::LOCALHOST);
    let here = Client::of(&server)?.at(HERE).bound_to(local)?;
    let there = Client::of(&server)?.at(THERE).bound_to(local)?;
    let mut own = Holder::key();
    let here = join(&here, &acme.administrator, &mut own).await?;
    let before = server.peak_memory()?;

    let began = Instant::now();
    let flood = Arc::new(Flood {
        organization: acme.organization,
        ..Flood::default()
    });
    let mut flows = 0;
    for _ in 0..rounds {
        let _wires = flood.connect(&server).await?;
        let mut asking = JoinSet::new();
        for _ in 0..AT_ONCE {
            asking.spawn(Arc::clone(&flood).ask(server.url()?, REQUESTS / AT_ONCE));
        }
        flows += serve(&here, &there, &mut own, &mut asking).await?;
    }
    let after = server.peak_memory()?;
    say(&format!(
        "flood: {rounds} rounds in {:.0?}, {} connections, {} requests answered, {} cut off, {flows} code flows \
         of another address, 0 of them refused, {before} KiB of memory before and {after} KiB at most, of {MOST}",
        began.elapsed(),
        rounds * u32::from(ADDRESSES) * OPENED_BY_EACH,
        flood.answered.load(Ordering::Relaxed),
        flood.cut_off.load(Ordering::Relaxed),
    ))?;
    assert!(flood.answered.load(Ordering::Relaxed) > 0);
    assert!(after <= MOST, "{after} KiB of memory are more than {MOST}");
    server.stop().await?;
    Ok(())
}
