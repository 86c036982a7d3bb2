//! An application of somebody else's whose users sign in with Latchkey. It knows nothing of it but its address,
//! and its own id there; it keeps no passwords, no keys and no sessions.
//!
//! ```sh
//! latchkey bootstrap --organization Example --admin ada@example.com \
//!     --application Bank --rp-id bank.localhost --origin http://bank.localhost:3000
//! latchkey serve # and in another terminal:
//! BANK_LATCHKEY=http://127.0.0.1:8080 BANK_APPLICATION=ap-… cargo run -p latchkey-bank
//! ```
//!
//! Then open `http://bank.localhost:3000` in a browser.

mod tokens;

use std::{
    collections::{HashMap, HashSet},
    env,
    error::Error,
    sync::Arc,
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{FromRequestParts, State},
    http::{
        HeaderMap, StatusCode,
        header::{AUTHORIZATION, CONTENT_TYPE},
        request::Parts,
    },
    response::{Html, IntoResponse},
    routing::{get, post},
};
use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::{net::TcpListener, sync::Mutex};

use self::tokens::{Request, Session, Tokens, UserAction};

/// What everybody has at first.
const GIFT: u64 = 100;

/// The application.
struct Bank {
    latchkey: String,
    /// Its id there.
    application: String,
    /// Where Latchkey shows its pages for the bank, if it does.
    pages: Option<String>,
    tokens: Tokens,
    books: Mutex<Books>,
}

/// In a database, in truth.
#[derive(Default)]
struct Books {
    /// By the user's id.
    balances: HashMap<String, u64>,
    /// The ids of the user actions that were honoured: a unique key there, kept until an hour after their expiry.
    honoured: HashSet<String>,
}

impl Bank {
    fn new(latchkey: String, application: String, pages: Option<String>) -> Arc<Self> {
        Arc::new(Self {
            tokens: Tokens::new(latchkey.clone()),
            latchkey,
            application,
            pages,
            books: Mutex::default(),
        })
    }
}

fn routes(bank: Arc<Bank>) -> Router {
    Router::new()
        .route("/", get(Html(include_str!("../pages/index.html"))))
        .route("/bank.js", get(script))
        .route("/settings", get(settings))
        .route("/balance", get(balance))
        .route("/transfers", post(transfer))
        .with_state(bank)
}

async fn script() -> impl IntoResponse {
    let headers = [(CONTENT_TYPE, "text/javascript; charset=utf-8")];
    (headers, include_str!("../pages/bank.js"))
}

/// What the page has to know.
async fn settings(State(bank): State<Arc<Bank>>) -> Json<Value> {
    Json(json!({ "latchkey": bank.latchkey, "pages": bank.pages }))
}

/// Somebody who signed in here, which the token alone tells.
struct SignedIn {
    token: String,
    session: Session,
}

impl FromRequestParts<Arc<Bank>> for SignedIn {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, bank: &Arc<Bank>) -> Result<Self, StatusCode> {
        let token = bearer(&parts.headers).ok_or(StatusCode::UNAUTHORIZED)?;
        let session: Session = bank.tokens.read(token, "latchkey-session+jwt").await?;
        // The organization has other applications, where other rules may hold.
        if session.azp.as_deref() != Some(bank.application.as_str()) {
            return Err(StatusCode::FORBIDDEN);
        }
        Ok(Self {
            token: token.to_owned(),
            session,
        })
    }
}

/// The token that came with a request. The name of the scheme has no case (RFC 9110 §11.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// For those who are signed in.
async fn balance(State(bank): State<Arc<Bank>>, SignedIn { session, .. }: SignedIn) -> Json<Value> {
    let books = bank.books.lock().await;
    let balance = books.balances.get(&session.sub).copied().unwrap_or(GIFT);
    Json(json!({ "username": session.username, "balance": balance }))
}

#[derive(Deserialize)]
struct Transfer {
    to: String,
    amount: u64,
}

/// Moves money: for who is signed in at this moment, and signed exactly this request.
async fn transfer(
    State(bank): State<Arc<Bank>>,
    user: SignedIn,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, StatusCode> {
    if !bank.tokens.holds(&user.token).await? {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let action = headers.get("x-dfns-useraction");
    let action = action.and_then(|action| action.to_str().ok());
    let action = action.ok_or(StatusCode::FORBIDDEN)?;
    let signed: UserAction = bank.tokens.read(action, "latchkey-user-action+jwt").await?;
    // One reader for what was signed and for what is done: two could see two values in one text.
    let body = latchkey_json::Value::read_object(&body);
    let body = body.map_err(|_malformed| StatusCode::BAD_REQUEST)?;
    let asked = Request {
        method: "POST".to_owned(),
        path: "/transfers".to_owned(),
        payload: BASE64URL_NOPAD.encode(&Sha256::digest(body.canonical())),
    };
    if signed.sub != user.session.sub || signed.action != asked {
        return Err(StatusCode::FORBIDDEN);
    }
    let Transfer { to, amount } =
        Transfer::deserialize(&body).map_err(|_other| StatusCode::BAD_REQUEST)?;

    let mut books = bank.books.lock().await;
    let balance = books.balances.get(&signed.sub).copied().unwrap_or(GIFT);
    let left = balance.checked_sub(amount).ok_or(StatusCode::CONFLICT)?;
    if !books.honoured.insert(signed.jti) {
        return Err(StatusCode::CONFLICT);
    }
    books.balances.insert(signed.sub, left);
    Ok(Json(json!({ "to": to, "balance": left })))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (latchkey, application) = (env::var("BANK_LATCHKEY")?, env::var("BANK_APPLICATION")?);
    let bank = Bank::new(latchkey, application, env::var("BANK_PAGES").ok());
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, routes(bank)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use latchkey_e2e::{
        Outcome,
        ceremony::{Call, enrol, issue_code, join, sign_in, user_action},
        client::Client,
        holder::Holder,
        installation::{DatabaseKind, Installation, Invited, text},
        node,
        server::Server,
    };
    use latchkey_testkit::authenticator::asked::ChallengeForm;
    use reqwest::Method;

    use super::*;

    /// The bank, and the Latchkey that its users sign in with.
    struct Scene {
        server: Server,
        installation: Installation,
        origin: String,
        invited: Invited,
    }

    async fn scene() -> Outcome<Scene> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let origin = format!("http://bank.localhost:{port}");
        let installation = Installation::empty(DatabaseKind::Sqlite)?;
        let made = installation.administrate(&format!(
            "bootstrap --organization Example --admin ada@example.com --application Bank \
             --rp-id bank.localhost --origin {origin}"
        ))?;
        let server = installation.start().await?;
        let application = text(&made, "appId")?;
        let pages = format!("http://bank.localhost:{}", server.address()?.port());
        installation.administrate(&format!(
            "application update --application {application} --origin {pages} --origin {origin} \
             --enrol-url {pages}/enrol"
        ))?;
        let bank = Bank::new(server.url()?, application, Some(pages));
        tokio::spawn(async move { axum::serve(listener, routes(bank)).await });
        Ok(Scene {
            server,
            installation,
            origin,
            invited: Invited {
                organization: text(&made, "orgId")?,
                user: text(&made, "userId")?,
                username: text(&made, "username")?,
                code: text(&made, "registrationCode")?,
            },
        })
    }

    impl Scene {
        /// Latchkey, as the page of the bank calls it.
        fn place(&self) -> Outcome<Client> {
            Ok(Client::of(&self.server)?.at(&self.origin))
        }

        /// Somebody with a passkey for the bank.
        fn holder(&self) -> Holder {
            Holder::passkey(&self.origin, ChallengeForm::EncodedTwice)
        }

        /// The bank, for who has this session.
        fn bank(&self, session: &Client) -> Client {
            // What a name below `localhost` leads to is a browser's affair.
            let bank = Client::to(&self.origin.replace("bank.localhost", "127.0.0.1"));
            bank.with_token(session.token().unwrap())
        }
    }

    #[tokio::test]
    async fn who_signed_in_here_is_known_and_who_did_not_is_not() -> Outcome {
        let scene = scene().await?;
        let place = scene.place()?;
        let mut key = scene.holder();
        let here = join(&place, &scene.invited, &mut key).await?;
        let bank = scene.bank(&here);
        let refused = bank.clone().without_token().get("/balance").await?;
        assert_eq!(refused.status, 401);
        let altered = format!("{}x", here.token().unwrap());
        let refused = bank.clone().with_token(&altered).get("/balance").await?;
        assert_eq!(refused.status, 401);
        let told = bank.get("/balance").await?.ok()?;
        assert_eq!(told["username"], "ada@example.com");
        assert_eq!(told["balance"], 100);

        // A key in another place, by a code.
        let code = issue_code(&here, &mut key).await?;
        let mut other = scene.holder();
        enrol(&place, &text(&code, "code")?, &mut other).await?;
        let Invited {
            organization,
            username,
            ..
        } = &scene.invited;
        let there = sign_in(&place, organization, Some(username), &mut other).await?;
        scene.bank(&there).get("/balance").await?.ok()?;

        // A session that was not made at a page of the bank is not the bank's.
        let machine = Client::of(&scene.server)?;
        let elsewhere = sign_in(&machine, organization, Some(username), &mut other).await?;
        let refused = scene.bank(&elsewhere).get("/balance").await?;
        assert_eq!(refused.status, 403);
        Ok(())
    }

    #[tokio::test]
    async fn a_transfer_is_made_as_it_was_signed_and_once() -> Outcome {
        let scene = scene().await?;
        let mut key = scene.holder();
        let here = join(&scene.place()?, &scene.invited, &mut key).await?;
        let bank = scene.bank(&here);
        let wanted = json!({ "to": "Bob", "amount": 30 });
        let call = Call::new(Method::POST, "/transfers", wanted);
        let unsigned = bank.post("/transfers", &call.body).await?;
        assert_eq!(unsigned.status, 403);

        let action = user_action(&here, &mut key, &call).await?;
        let paying = bank.clone().with_user_action(&action);
        let more = json!({ "to": "Bob", "amount": 31 });
        assert_eq!(paying.post("/transfers", &more).await?.status, 403);
        let paid = paying.post("/transfers", &call.body).await?.ok()?;
        assert_eq!(paid["balance"], 70);
        assert_eq!(paying.post("/transfers", &call.body).await?.status, 409);

        // Who has signed out is refused where the bank asks, and only there.
        let action = user_action(&here, &mut key, &call).await?;
        here.put("/auth/logout", &json!({})).await?.ok()?;
        let paying = bank.clone().with_user_action(&action);
        assert_eq!(paying.post("/transfers", &call.body).await?.status, 401);
        assert_eq!(bank.get("/balance").await?.ok()?["balance"], 70);
        Ok(())
    }

    // The bank serves while Node.js is waited for.
    #[tokio::test(flavor = "multi_thread")]
    async fn its_page_does_all_of_it_in_a_browser() -> Outcome {
        let scene = scene().await?;
        node::run_with(
            "bank",
            &scene.installation,
            &scene.server,
            &scene.invited.organization,
            &[("LATCHKEY_E2E_PAGE", scene.origin.as_str())],
        )
    }
}
