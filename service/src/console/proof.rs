//! Grave steps want a proof of identity first: their form waits in the page that asks for it, and goes on from there.
//! Never keeps a form on the server, and never sends one anywhere but where it was going.

use axum::http::Method;
use axum::response::Response;
use minijinja::context;
use serde_json::{Value, json};

use super::form::Form;
use super::member::Member;
use super::problem::Problem;

/// The fields of the proof itself, beside those of the form that waits.
pub const FIELDS: [&str; 2] = ["proof_code", "proof_password"];

/// What `POST /auth/step-up` takes of a form; a second factor outweighs a password.
fn told(form: &Form) -> Option<Value> {
    match (form.get("proof_code"), form.raw("proof_password")) {
        ("", "") => None,
        ("", password) => Some(json!({"password": password})),
        (code, _) => Some(json!({"code": code})),
    }
}

impl Member {
    /// Gives the proof that a form brings along; the page that asks again, where it is wrong.
    pub async fn unproven(&self, form: &Form) -> Option<Response> {
        let proof = told(form)?;
        let api = self.api().clone().with_csrf(form.get("csrf"));
        let problem = api.send(Method::POST, "/auth/step-up", &proof).await.err()?;
        Some(self.asks_for_proof(form, Some(&problem)))
    }

    /// The page that asks for a proof, with the form that waits for it.
    pub fn asks_for_proof(&self, form: &Form, problem: Option<&Problem>) -> Response {
        let carried: Vec<(&str, &str)> = form.fields().filter(|(name, _)| !FIELDS.contains(name)).collect();
        let own = context! { action => &*self.visitor.here, carried => carried };
        self.page_with("step_up.html", problem, own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_outweighs_a_password_and_a_form_without_either_brings_no_proof() {
        for (form, expected) in [
            ("name=ana", None),
            ("proof_code=&proof_password=", None),
            ("proof_code=123456&proof_password=x", Some(json!({"code": "123456"}))),
            ("proof_password=+x", Some(json!({"password": " x"}))),
        ] {
            assert_eq!(told(&Form::parse(form.as_bytes())), expected, "{form}");
        }
    }
}
