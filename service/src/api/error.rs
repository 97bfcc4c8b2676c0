//! The one error of the API, in the form of RFC 9457.
//! Never holds a secret, a query or a stack; what went wrong inside is logged where it is turned into one of these.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::audit::AuditError;
use crate::auth::permission::Permission;
use crate::store::StoreError;
use crate::vault::{KeeperError, VaultError};

/// What is wrong with one field of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The field, as in the request: `mailboxes[3].email`.
    pub field: String,
    /// A word that programs go by.
    pub code: &'static str,
    /// A sentence.
    pub message: String,
}

/// Why a request is not done.
#[derive(Debug, Clone)]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// A word that programs go by.
    pub code: &'static str,
    /// A sentence about this case.
    pub detail: String,
    /// Fields of the request.
    pub errors: Vec<FieldError>,
    /// What else the answer tells.
    pub more: Map<String, Value>,
    /// Seconds after which it is worth another try.
    pub retry_after: Option<u64>,
}

/// Every code, with its title in English and Portuguese.
const TITLES: [(&str, &str, &str); 43] = [
    ("bad_request", "The request cannot be read", "A requisição não pode ser lida"),
    ("unauthenticated", "Log in first", "É preciso entrar primeiro"),
    ("bad_credentials", "The name, password or code is wrong", "Nome, senha ou código incorretos"),
    ("mfa_required", "A second factor is needed", "É necessário um segundo fator"),
    ("mfa_enrolment_required", "Set up a second factor first", "Configure antes um segundo fator"),
    ("step_up_required", "Prove again who you are", "Confirme novamente sua identidade"),
    ("csrf", "The page's token is missing or wrong", "O token da página falta ou está errado"),
    ("forbidden", "This is not allowed", "Isto não é permitido"),
    ("not_found", "There is nothing here", "Não há nada aqui"),
    ("method_not_allowed", "This cannot be done here", "Isto não pode ser feito aqui"),
    ("conflict", "It does not go with what is there", "Conflita com o que já existe"),
    ("job_exists", "The domain has an open job", "O domínio já tem uma migração aberta"),
    ("duplicate", "It is there already", "Já existe"),
    ("phase_conflict", "The job's phase does not allow this", "A fase da migração não permite isto"),
    ("run_already_active", "A run is under way", "Há uma execução em andamento"),
    ("job_paused", "The job is paused", "A migração está pausada"),
    ("finished", "It has ended already", "Já terminou"),
    ("gate_blocked", "The gate is blocked", "O portão está bloqueado"),
    ("gate_not_ready", "The gate is not open", "O portão não está aberto"),
    ("change_not_seen", "The change is not seen", "A mudança não é vista"),
    ("approval_stale", "What you saw has changed", "O que foi visto mudou"),
    ("four_eyes", "Another person has to approve", "Outra pessoa precisa aprovar"),
    ("warnings_not_accepted", "Accept each warning", "Aceite cada aviso"),
    ("unknown_domain", "No job is known for this domain", "Nenhuma migração é conhecida para este domínio"),
    ("idempotency_conflict", "The key was used for another request", "A chave foi usada em outra requisição"),
    ("in_progress", "The same request is being worked on", "A mesma requisição está em andamento"),
    ("credential_in_use", "The credential is in use", "A credencial está em uso"),
    ("oauth_refused", "The provider refused", "O provedor recusou"),
    ("provider_unavailable", "The provider does not answer", "O provedor não responde"),
    ("stale", "It was changed meanwhile", "Foi alterado nesse meio-tempo"),
    ("if_match_required", "Say which version you saw", "Informe qual versão foi vista"),
    ("confirmation_required", "Type the name to confirm", "Digite o nome para confirmar"),
    ("too_large", "It is too large", "É grande demais"),
    ("unsupported_media_type", "Send JSON", "Envie JSON"),
    ("invalid", "A field is not right", "Um campo não está certo"),
    ("checksum", "The octets are not those announced", "Os octetos não são os anunciados"),
    ("no_data", "Nothing has been counted yet", "Nada foi contado ainda"),
    ("no_ticket", "No ticket can be told", "Não há chamado a avisar"),
    ("kept_elsewhere", "Another machine has it", "Está em outra máquina"),
    ("expired", "Its time is over", "O prazo acabou"),
    ("rate_limited", "Too many requests", "Requisições demais"),
    ("unavailable", "Not now", "Indisponível agora"),
    ("internal", "Our own error", "Erro nosso"),
];

impl ApiError {
    /// An error of a status and a code that is in the table of titles.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), errors: Vec::new(), more: Map::new(), retry_after: None }
    }

    /// 400.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", detail)
    }

    /// 401.
    pub fn unauthenticated() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
            "no session and no token, or one that has ended",
        )
    }

    /// 403 for the lack of a permission, which is named.
    pub fn lacks(permission: Permission) -> Self {
        let detail = format!("the permission {} is needed", permission.as_str());
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail).with("permission", permission.as_str().into())
    }

    /// 404: not there, or another tenant's.
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no such {what}"))
    }

    /// 409.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 422 for one field.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::fields(vec![FieldError { field: field.into(), code: "invalid", message: message.into() }])
    }

    /// 422 for some fields.
    pub fn fields(errors: Vec<FieldError>) -> Self {
        let detail = errors.first().map_or_else(String::new, |one| format!("{}: {}", one.field, one.message));
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail) }
    }

    /// The same of a part of the request: its fields are those of that part.
    #[must_use]
    pub fn under(mut self, part: &str) -> Self {
        for error in &mut self.errors {
            error.field = format!("{part}.{}", error.field);
        }
        self
    }

    /// 429.
    pub fn rate_limited(seconds: u64) -> Self {
        let mut error = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limited",
            format!("try again in {seconds} seconds"),
        );
        error.retry_after = Some(seconds);
        error
    }

    /// 500: logged here, told as nothing more than that.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(error = %cause, "a request failed: {cause}");
        let detail = "the request could not be done; the log tells more under this request's id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }

    /// Adds a member to the answer.
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.more.insert(name.to_owned(), value);
        self
    }

    /// The answer, in a language.
    pub fn answer(&self, request_id: &str, is_portuguese: bool) -> Response {
        let known = TITLES.iter().find(|(code, _, _)| *code == self.code);
        let title = known.map_or(
            self.code,
            |(_, english, portuguese)| {
                if is_portuguese { portuguese } else { english }
            },
        );
        let errors: Vec<Value> = self
            .errors
            .iter()
            .map(|one| json!({"field": one.field, "code": one.code, "message": one.message}))
            .collect();
        let mut body = json!({
            "type": format!("urn:malote:problem:{}", self.code), "title": title, "status": self.status.as_u16(),
            "detail": self.detail, "code": self.code, "request_id": request_id, "errors": errors,
        });
        if let Some(body) = body.as_object_mut() {
            body.extend(self.more.clone());
        }
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Rides on a response until the outermost layer, which knows the request's id and language, writes the answer.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        if let StoreError::Stale(_) = error {
            return Self::new(StatusCode::PRECONDITION_FAILED, "stale", error.to_string());
        }
        if error.is_passing() {
            tracing::warn!(error = %error, "the database did not answer: {error}");
            let mut told = Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "the database does not answer; try again",
            );
            told.retry_after = Some(5);
            return told;
        }
        if error.is_duplicate() {
            return Self::conflict("duplicate", "there is one of that name already");
        }
        if error.is_orphaned() {
            let detail = "something that this belongs to was removed meanwhile: look again";
            return Self::conflict("conflict", detail);
        }
        Self::internal(&error)
    }
}

impl From<VaultError> for ApiError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::TooLong(_) => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", error.to_string())
            }
            _ => Self::internal(&error),
        }
    }
}

impl From<KeeperError> for ApiError {
    fn from(error: KeeperError) -> Self {
        match error {
            KeeperError::Vault(error) => error.into(),
            KeeperError::Store(error) => error.into(),
            KeeperError::NoCredential => Self::not_found("credential"),
            KeeperError::Expired(_) => Self::conflict("expired", error.to_string()),
            KeeperError::Master(_) | KeeperError::File(_) => Self::internal(&error),
        }
    }
}

impl From<AuditError> for ApiError {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Store(error) => error.into(),
            AuditError::Signer(error) => Self::internal(&error),
        }
    }
}
