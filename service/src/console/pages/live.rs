//! What happens in a job, passed on as it happens.
//! Never anything that the API's own stream would not say to this visitor.

use axum::body::Body;
use axum::extract::Path;
use axum::http::Method;
use axum::response::Response;

use crate::console::visitor::Visitor;

/// `GET /console/jobs/{id}/live`.
pub async fn stream(visitor: Visitor, Path(id): Path<i64>) -> Response {
    visitor.api.pass(Method::GET, &format!("/migration/jobs/{id}/events"), &[], Body::empty()).await
}
