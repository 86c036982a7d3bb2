//! A member of the query that an operation does not know is refused, and not ignored: whoever writes one expects
//! something of it, such as somebody else's credentials. Which members an operation knows is what its description
//! says.

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request, State},
    http::Method,
    middleware::Next,
    response::{IntoResponse, Response},
};
use utoipa::openapi::{
    OpenApi, PathItem, RefOr,
    path::{Operation, ParameterIn},
};

use crate::{error::ApiError, extract::query::pairs};

/// What each operation knows.
#[derive(Clone)]
pub(crate) struct Queries(Arc<[Known]>);

struct Known {
    method: Method,
    path: String,
    members: Vec<String>,
}

impl Queries {
    /// Those of the operations that are described.
    pub(crate) fn of(description: &OpenApi) -> Self {
        let paths = description.paths.paths.iter();
        let known = paths.flat_map(|(path, item)| {
            operations(item).map(|(method, operation)| Known {
                method,
                path: path.clone(),
                members: members(operation),
            })
        });
        Self(known.collect())
    }

    /// The operation that a request is for. It may be served below a prefix, so its path may have more before it.
    fn of_request(&self, method: &Method, matched: &str) -> Option<&Known> {
        let method = if *method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        let asked = self.0.iter().filter(|known| known.method == *method);
        asked
            .filter(|known| matched.ends_with(&known.path))
            .max_by_key(|known| known.path.len())
    }

    fn check(&self, request: &Request) -> Result<(), ApiError> {
        let uri = request.uri();
        if uri.query().is_none_or(str::is_empty) {
            return Ok(());
        }
        let matched = request.extensions().get::<MatchedPath>();
        let known = matched.and_then(|path| self.of_request(request.method(), path.as_str()));
        let Some(Known { members, .. }) = known else {
            return Ok(());
        };
        match pairs(uri)?
            .into_iter()
            .find(|(name, _)| !members.contains(name))
        {
            Some((name, _value)) => Err(unknown(&name, members)),
            None => Ok(()),
        }
    }
}

fn operations(item: &PathItem) -> impl Iterator<Item = (Method, &Operation)> {
    let all = [
        (Method::GET, &item.get),
        (Method::POST, &item.post),
        (Method::PUT, &item.put),
        (Method::DELETE, &item.delete),
        (Method::PATCH, &item.patch),
    ];
    all.into_iter()
        .filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
}

fn members(operation: &Operation) -> Vec<String> {
    let parameters = operation.parameters.iter().flatten();
    let members = parameters.filter_map(|parameter| match parameter {
        RefOr::T(parameter) if matches!(parameter.parameter_in, ParameterIn::Query) => {
            Some(parameter.name.clone())
        }
        // No parameter is described elsewhere.
        RefOr::T(_) | RefOr::Ref(_) => None,
    });
    members.collect()
}

fn unknown(name: &str, members: &[String]) -> ApiError {
    let problem = if members.is_empty() {
        "is not known here: this operation takes no query".to_owned()
    } else {
        format!(
            "is not known here: the query may have {}",
            members.join(", ")
        )
    };
    ApiError::invalid_field(name, &problem)
}

/// See the module.
pub(crate) async fn query(
    State(queries): State<Queries>,
    request: Request,
    next: Next,
) -> Response {
    match queries.check(&request) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_known_below_a_prefix_too_and_by_the_whole_of_its_path() {
        let queries = Queries::of(&crate::openapi());
        let members = |method: Method, path: &str| {
            let known = queries.of_request(&method, path)?;
            Some((known.path.as_str(), known.members.join(" ")))
        };
        let all = "limit paginationToken kind search".to_owned();
        for path in ["/auth/users", "/below/auth/users"] {
            assert_eq!(
                members(Method::GET, path),
                Some(("/auth/users", all.clone()))
            );
        }
        let head = members(Method::HEAD, "/auth/application");
        assert_eq!(head, Some(("/auth/application", "orgId".to_owned())));
        let code = members(Method::POST, "/auth/credentials/code/init");
        assert_eq!(code, Some(("/auth/credentials/code/init", String::new())));
        let deletion = members(Method::DELETE, "/auth/credentials/{credentialUuid}");
        let expected = ("/auth/credentials/{credentialUuid}", "force".to_owned());
        assert_eq!(deletion, Some(expected));
        assert_eq!(members(Method::PATCH, "/auth/users"), None);
        assert_eq!(members(Method::GET, "/enrol"), None);
    }
}
