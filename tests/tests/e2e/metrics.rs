//! Metrics are told on a listener of their own, where one is configured.

use latchkey_e2e::{
    Outcome,
    ceremony::join,
    client::Client,
    holder::Holder,
    installation::{DatabaseKind, Installation, text},
};

#[tokio::test]
async fn what_somebody_does_is_counted_and_told_apart_from_clients() -> Outcome {
    for kind in DatabaseKind::ALL {
        let installation = Installation::empty(kind)?.with("METRICS__LISTEN", "127.0.0.1:0");
        let invited = installation.bootstrap("Acme")?.administrator;
        let server = installation.start().await?;
        let told = server
            .event(|event| event["message"] == "metrics are told")
            .await?;
        let url = format!("http://{}/metrics", text(&told, "address")?);
        let here = Client::of(&server)?.at("https://one.example");
        join(&here, &invited, &mut Holder::key()).await?;

        let answer = reqwest::get(url).await?;
        assert_eq!(answer.status(), 200);
        let metrics = answer.text().await?;
        for series in [
            "latchkey_security_events_total{event=\"sign_in\",outcome=\"succeeded\",reason=\"\"} 1",
            "latchkey_security_events_total{event=\"register\",outcome=\"succeeded\",reason=\"\"} 1",
            "http_server_request_duration_seconds_count{http_request_method=\"POST\",\
             http_response_status_code=\"200\",http_route=\"/auth/login\"} 1",
            "latchkey_connections_refused_total 0",
        ] {
            let mut lines = metrics.lines();
            assert!(
                lines.any(|line| line == series),
                "no {series} in\n{metrics}"
            );
        }
        for family in [
            "db_client_operation_duration_seconds_count{",
            "db_client_connection_count{",
            "process_resident_memory_bytes ",
        ] {
            let mut lines = metrics.lines();
            let is_told = lines.any(|line| line.starts_with(family));
            assert!(is_told, "no {family} in\n{metrics}");
        }
        Client::of(&server)?.get("/metrics").await?.refused(404)?;
    }
    Ok(())
}

#[test]
fn an_address_that_is_taken_is_named() -> Outcome {
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let installation = Installation::empty(DatabaseKind::Sqlite)?.with("METRICS__LISTEN", &address);
    let refused = installation.run("serve")?;
    let words = refused.error()?;
    assert!(words.contains("metrics.listen"), "{words}");
    Ok(())
}
