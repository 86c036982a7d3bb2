//! Extractors: what a handler needs of a request stands in its signature, rights included.
//!
//! Each refuses with the error of its own kind, so a handler that runs has everything it asks for:
//!
//! * [`client`]: where the request comes from;
//! * [`json_body`]: a body of a given shape;
//! * [`bearer`]: somebody signed in, or a temporary token;
//! * [`signed`]: somebody signed in who signed exactly this request;
//! * [`path`]: an identifier in the path;
//! * [`page`]: the page that asks;
//! * [`query`]: the parameters of a read.
//!
//! Refusals come in this order: what the middleware refuses (path 400, body 408 and 413), the route
//! (404, 405), a member of the query that the operation does not know (400), an identifier in the path (400), who
//! asks (401), the body (415, 400), the user action (403), what the query says (400). Only then the use case runs.

pub(crate) mod client;

pub(crate) mod json_body;

pub(crate) mod bearer;

pub(crate) mod signed;

pub(crate) mod path;

pub(crate) mod page;

pub(crate) mod query;
