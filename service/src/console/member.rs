//! A visitor who is somebody: logged in, with what they may do.
//! Never decides what is allowed: buttons that the API would refuse are merely not shown.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::Value;

use super::client::{Api, escaped};
use super::problem::Problem;
use super::visitor::Visitor;

/// Where somebody who has to set up a second factor first is led.
pub const FACTOR: &str = "/console/account/factor";

/// Somebody.
#[derive(Clone)]
pub struct Member {
    /// The visitor.
    pub visitor: Visitor,
    /// What `GET /auth/me` tells.
    pub me: Value,
}

impl Member {
    /// The API in the member's name.
    pub fn api(&self) -> &Api {
        &self.visitor.api
    }

    /// True where the member's roles allow it.
    pub fn may(&self, permission: &str) -> bool {
        self.me["permissions"].as_array().is_some_and(|all| all.iter().any(|one| one == permission))
    }

    /// Asks who the visitor is.
    ///
    /// # Errors
    /// The way to the page that has to come first, or the API's refusal.
    pub async fn of(visitor: Visitor) -> Result<Self, Response> {
        let me = match visitor.api.read("/auth/me").await {
            Ok(me) => me,
            Err(problem) if problem.status == StatusCode::UNAUTHORIZED => {
                return Err(entrance(&visitor, &problem).await);
            }
            Err(problem) => return Err(problem.into_response()),
        };
        let lacks_factor = me["mfa_enrolment_required"].as_bool() == Some(true);
        let path = visitor.here.split('?').next().unwrap_or_default();
        if lacks_factor && !path.starts_with("/console/account") && !path.starts_with("/console/step-up") {
            return Err(Redirect::to(FACTOR).into_response());
        }
        Ok(Self { visitor: visitor.known(&me), me })
    }

    /// The token that the page's forms carry.
    pub fn csrf(&self) -> &str {
        self.me["csrf_token"].as_str().unwrap_or_default()
    }
}

async fn entrance(visitor: &Visitor, problem: &Problem) -> Response {
    if problem.code == "mfa_required" {
        return Redirect::to("/console/login").into_response();
    }
    let status = visitor.api.read("/auth/status").await.unwrap_or_default();
    if status["needs_setup"] == true {
        return Redirect::to("/console/setup").into_response();
    }
    let next = if visitor.method.is_safe() { escaped(&visitor.here) } else { String::new() };
    Redirect::to(&format!("/console/login?next={next}")).into_response()
}

impl<S: Send + Sync> FromRequestParts<S> for Member {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let visitor = Visitor::from_request_parts(parts, state).await.map_err(IntoResponse::into_response)?;
        Self::of(visitor).await
    }
}
