//! The answer of calls that have nothing else to say.

use serde::Serialize;
use utoipa::ToSchema;

/// It was done.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({ "message": "success" }))]
pub(crate) struct Message {
    /// Always `success`.
    #[schema(example = "success")]
    message: &'static str,
}

impl Message {
    /// It was done.
    pub(crate) const SUCCESS: Self = Self { message: "success" };
}
