//! The outermost middleware: names each request, catches panics, writes the body of every error and
//! one line in the log.

use std::{
    error::Error,
    panic::AssertUnwindSafe,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use axum::{
    Json,
    extract::{MatchedPath, Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, RETRY_AFTER, VARY, WWW_AUTHENTICATE},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use data_encoding::HEXLOWER;
use futures_util::FutureExt;
use latchkey_domain::{
    id::{OrganizationId, UserId},
    session::Session,
};
use tracing::field;

use crate::{
    error::{ApiError, ErrorCode, Refused, body::ErrorBody},
    meter::UnderWay,
    state::{AppState, RefusalPage},
};

/// Clients read it from error answers (API contract §1).
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Who turns out to make the request; told by the extractor or handler that finds out.
#[derive(Clone, Default)]
pub(crate) struct Subject(Arc<Told>);

#[derive(Default)]
struct Told {
    /// For the log.
    who: OnceLock<(OrganizationId, UserId)>,
    /// A session of which nobody has asked yet whether it holds.
    session: OnceLock<Session>,
}

impl Subject {
    /// Notes who makes the request.
    pub(crate) fn note(&self, organization: &OrganizationId, user: &UserId) {
        self.0
            .who
            .get_or_init(|| (organization.clone(), user.clone()));
    }

    /// Notes who makes the request if the session holds, which what is asked for requires.
    pub(crate) fn bears(&self, session: &Session) {
        self.note(&session.organization, &session.user);
        self.0.session.get_or_init(|| session.clone());
    }

    /// What is told of a refusal: no more than that, where the session does not hold.
    async fn told(&self, state: &AppState, refused: Arc<ApiError>) -> Arc<ApiError> {
        let tells =
            refused.code.status().is_client_error() && refused.code != ErrorCode::NotAuthorized;
        let Some(session) = self.0.session.get().filter(|_session| tells) else {
            return refused;
        };
        match state.use_cases.sessions.require(session).await {
            Ok(()) => refused,
            Err(error) => Arc::new(error.into()),
        }
    }
}

/// See the module.
pub(crate) async fn observe(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let id = request_id(&state.use_cases.entropy.draw());
    let subject = Subject::default();
    request.extensions_mut().insert(subject.clone());
    let method = known(request.method());
    let under_way = UnderWay::begin(&state.meter, method);
    let route = request.extensions().get::<MatchedPath>().cloned();
    let is_first = request.uri().path() == "/";
    let reader = state
        .refusal_page
        .as_ref()
        .and_then(|page| Reader::of(&request, page));

    let outcome = async {
        let mut response = next.run(request).await;
        let error = match refusal(&mut response) {
            Some(error) => Some(subject.told(&state, error).await),
            None => None,
        };
        (response, error)
    };
    let outcome = AssertUnwindSafe(outcome).catch_unwind().await;
    let (mut response, error) = outcome.unwrap_or_else(|panic| {
        let error = ApiError::internal(format!("panic: {}", panic_text(panic.as_ref())));
        (Response::default(), Some(Arc::new(error)))
    });
    if let Some(mut error) = error {
        if is_first && error.code == ErrorCode::NotFound {
            error = nothing_at_first(&state).unwrap_or(error);
        }
        response = render(&error, &id, reader.as_ref(), response.headers());
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }

    let route = route.as_ref().map(MatchedPath::as_str);
    let status = response.status();
    let took = started.elapsed();
    under_way.answer(route, status.as_u16(), took);
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                target: "latchkey::request",
                request_id = id,
                method,
                route = route.unwrap_or("none"),
                status = status.as_u16(),
                duration_ms = milliseconds(took),
                organization = subject.0.who.get().map(|(organization, _)| field::display(organization)),
                user = subject.0.who.get().map(|(_, user)| field::display(user)),
                "request"
            )
        };
    }
    if status.is_success() && response.extensions().get::<IsPolled>().is_some() {
        line!(debug);
    } else {
        line!(info);
    }
    response
}

/// An answer to machines that ask again and again, so that a line of each would hide all others. A route says in its
/// signature that it is one.
pub(crate) struct Polled<T>(pub(crate) T);

/// That it is one, on the response.
#[derive(Clone, Copy)]
struct IsPolled;

impl<T: IntoResponse> IntoResponse for Polled<T> {
    fn into_response(self) -> Response {
        let mut response = self.0.into_response();
        response.extensions_mut().insert(IsPolled);
        response
    }
}

/// Who reads, and may be a person.
struct Reader {
    page: RefusalPage,
    /// What the client accepts.
    headers: HeaderMap,
}

impl Reader {
    /// Whoever makes this request; nobody who changes something, which people do by pages and not by opening
    /// an address.
    fn of(request: &Request, page: &RefusalPage) -> Option<Self> {
        let reads = [Method::GET, Method::HEAD].contains(request.method());
        reads.then(|| {
            let mut headers = HeaderMap::new();
            for name in [ACCEPT, ACCEPT_LANGUAGE] {
                for line in request.headers().get_all(&name) {
                    headers.append(&name, line.clone());
                }
            }
            Self {
                page: Arc::clone(page),
                headers,
            }
        })
    }

    fn page(&self, status: StatusCode, request_id: &str) -> Option<Response> {
        (self.page)(&self.headers, status, request_id)
    }
}

/// 128 of the random bits, as text.
fn request_id(random: &[u8; 32]) -> String {
    let (used, _) = random.split_at(16);
    HEXLOWER.encode(used)
}

/// A method as it may stand in the log and in metrics: a client can make up others.
fn known(method: &Method) -> &'static str {
    const KNOWN: [&str; 8] = [
        "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE",
    ];
    KNOWN
        .into_iter()
        .find(|known| method == known)
        .unwrap_or("other")
}

fn milliseconds(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&'static str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("of an unknown kind")
}

/// An answer that nothing is written into.
#[derive(Clone, Copy)]
pub(crate) struct AsItIs;

/// The error a response carries. One that was refused by the framework carries none, and is told by
/// its status.
fn refusal(response: &mut Response) -> Option<Arc<ApiError>> {
    if let Some(Refused(error)) = response.extensions_mut().remove() {
        return Some(error);
    }
    if response.extensions().get::<AsItIs>().is_some() {
        return None;
    }
    let code = match response.status() {
        StatusCode::METHOD_NOT_ALLOWED => ErrorCode::MethodNotAllowed,
        StatusCode::SERVICE_UNAVAILABLE => return Some(Arc::new(ApiError::unavailable())),
        status if status.is_client_error() => ErrorCode::NotFound,
        status if status.is_server_error() => ErrorCode::Internal,
        _ => return None,
    };
    Some(Arc::new(ApiError::new(code)))
}

/// What a program is told that looks at the address of the service and nothing else: where the reference is, if it is
/// served.
fn nothing_at_first(state: &AppState) -> Option<Arc<ApiError>> {
    let prefix = state.use_cases.settings.pages.as_ref()?;
    let error = ApiError::new(ErrorCode::NotFound);
    Some(Arc::new(error.saying(format!(
        "there is nothing at this path; the reference of the API is at {prefix}/docs"
    ))))
}

/// The answer to a refused request; the headers that are there already stay.
fn render(error: &ApiError, id: &str, reader: Option<&Reader>, given: &HeaderMap) -> Response {
    if let Some(cause) = &error.cause {
        tracing::error!(
            target: "latchkey::request",
            request_id = id,
            cause = chain(cause.as_ref()),
            "the request failed"
        );
    }
    let status = error.code.status();
    let page = reader.and_then(|reader| reader.page(status, id));
    let mut response =
        page.unwrap_or_else(|| (status, Json(ErrorBody::of(error, id))).into_response());
    let headers = response.headers_mut();
    for (name, value) in given {
        // What an answer depends on is added up.
        if name == VARY || !headers.contains_key(name) {
            headers.append(name, value.clone());
        }
    }
    if reader.is_some() {
        headers.append(VARY, HeaderValue::from_static("accept"));
    }
    if let Some(retry_after) = error.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(retry_after.as_secs()));
    }
    if error.code == ErrorCode::UnsupportedMediaType {
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    if error.code == ErrorCode::NotAuthorized {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// The cause and its causes.
fn chain(cause: &(dyn Error + 'static)) -> String {
    let mut text = cause.to_string();
    let mut next = cause.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
