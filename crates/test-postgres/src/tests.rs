use std::{net::TcpStream, process::Command, sync::mpsc};

use super::*;

#[test]
fn every_database_is_another_one() {
    let server = TestPostgres::shared().unwrap();
    let one = server.fresh_database().unwrap();
    let two = server.fresh_database().unwrap();
    assert_ne!(one, two);
    for url in [one, two] {
        let output = Command::new(&server.psql)
            .args(["--no-psqlrc", "--tuples-only", "--command", "SHOW fsync"])
            .arg(url)
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "on");
    }
}

#[test]
fn the_process_of_the_server_is_known() {
    let server = TestPostgres::start_own().unwrap();
    let process = server.process().unwrap();
    let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap();
    assert_eq!(name.trim(), "postgres");
}

#[test]
fn a_dropped_server_is_gone() {
    let (server, port) = OwnServer::start(None).unwrap();
    let address = (Ipv4Addr::LOCALHOST, port);
    assert!(TcpStream::connect(address).is_ok());
    drop(server);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_crashed_server_recovers_what_was_committed() {
    let server = TestPostgres::start_own().unwrap();
    let before = server.ask(CHECKPOINTER).unwrap();
    server
        .ask("CREATE TABLE kept (number int); INSERT INTO kept VALUES (1), (2)")
        .unwrap();
    server.crash().unwrap();
    let after = (0..600).find_map(|_| {
        thread::sleep(Duration::from_millis(50));
        let after = server.ask(CHECKPOINTER).ok()?;
        (!after.trim().is_empty() && after != before).then_some(after)
    });
    assert!(after.is_some(), "the server did not come back");
    assert_eq!(server.ask("SELECT count(*) FROM kept").unwrap().trim(), "2");
}

#[test]
fn a_frozen_server_answers_when_it_goes_on() {
    let server = TestPostgres::start_own().unwrap();
    server.freeze().unwrap();
    let (answered, answer) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| answered.send(server.ask("SELECT 1")));
        thread::sleep(Duration::from_millis(500));
        assert!(answer.try_recv().is_err());
        server.thaw().unwrap();
        assert_eq!(answer.recv().unwrap().unwrap().trim(), "1");
    });
}

#[test]
fn a_standby_has_every_commit_and_takes_changes_when_it_is_promoted() {
    let primary = TestPostgres::start_own().unwrap();
    primary.ask("CREATE TABLE kept (number int)").unwrap();
    let standby = primary.standby().unwrap();
    primary.ask("INSERT INTO kept VALUES (1)").unwrap();
    let refused = standby.ask("INSERT INTO kept VALUES (2)").unwrap_err();
    assert!(refused.to_string().contains("read-only"), "{refused}");
    drop(primary);
    standby.promote().unwrap();
    standby.ask("INSERT INTO kept VALUES (3)").unwrap();
    assert_eq!(
        standby.ask("SELECT sum(number) FROM kept").unwrap().trim(),
        "4"
    );
}

#[test]
fn the_error_says_what_to_install() {
    let text = PostgresError::NotInstalled { program: "initdb" }.to_string();
    assert!(text.contains("initdb") && text.contains(URL_VARIABLE));
}
