//! Passwords of servers that are configured apart from the server's URL, as they are and in a place of their own.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use super::reader::Problem;

/// The URL of the key `url_key` with this password in it. Neither is repeated in what is said of them.
pub(super) fn put_into(url: &str, password: &str, url_key: &str) -> Result<String, Problem> {
    let needs_a_host = || format!("needs a host in {url_key}");
    let mut url = Url::parse(url).map_err(|_malformed| needs_a_host())?;
    let is_parameter = url.query_pairs().any(|(name, _)| name == "password");
    if url.password().is_some() || is_parameter {
        return Err(format!(
            "must be the only one, and {url_key} has one: take one of them out"
        ));
    }
    let password = utf8_percent_encode(password, NON_ALPHANUMERIC).to_string();
    url.set_password(Some(&password))
        .map_err(|()| needs_a_host())?;
    Ok(url.into())
}
