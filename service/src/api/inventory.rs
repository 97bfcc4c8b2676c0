//! The addresses that a source is known to have, and what becomes of each: `/migration/jobs/{id}/inventory`.
//! Never decides by silence: an address without a mailbox and without a reason keeps the gate shut.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{Asked, At, Body, no_content};
use super::caller::Caller;
use super::error::FieldError;
use super::jobs::read;
use super::list::{Listed, Short, Shown};
use super::{ApiError, Result, gates};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::auth::token::uuid;
use crate::store::at;
use crate::store::measures::InventoryRow;

/// Addresses of one inventory at most.
const ADDRESSES_MAX: usize = 20_000;
/// An address is at most so long, in octets (RFC 5321 §4.5.3.1.3).
const ADDRESS_OCTETS_MAX: usize = 254;
/// A reason is at most so long, in characters.
const REASON_MAX: usize = 1_000;
/// Errors that are told of one list.
const ERRORS_MAX: usize = 100;

/// One address of the source.
#[derive(Serialize, ToSchema)]
pub struct AddressView {
    /// In small letters.
    address: String,
    /// `mailbox`, `switched_off`, `switched_off_without_reason` or `none`.
    found: String,
    /// Why it is left out; empty where nobody said so.
    excluded_reason: String,
    /// It is known what becomes of it.
    decided: bool,
}

impl AddressView {
    fn of(row: InventoryRow) -> Self {
        Self {
            decided: row.is_decided(),
            address: row.address,
            found: row.found,
            excluded_reason: row.excluded_reason,
        }
    }
}

/// An inventory, whole.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InventoryPut {
    /// Every address of the source, mailboxes, aliases and lists alike.
    addresses: Vec<AddressPut>,
}

/// One address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressPut {
    /// The address.
    address: String,
    /// Why it is left out; empty: it has to be a mailbox of the job.
    #[serde(default)]
    excluded_reason: String,
}

/// `GET /migration/jobs/{id}/inventory`.
#[utoipa::path(get, path = "/migration/jobs/{id}/inventory", tag = "gate", params(("id" = i64, Path), Short),
    responses((status = 200, body = Listed<AddressView>), (status = 404)))]
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Asked(wanted): Asked<Short>,
) -> Result<Shown> {
    caller.may(Permission::ViewMigration)?;
    read(&app, &caller, id).await?;
    let rows = app.store.inventory(id).await?;
    wanted.of(rows.into_iter().map(AddressView::of).collect())
}

/// `PUT /migration/jobs/{id}/inventory`: the whole list in the place of the last one.
#[utoipa::path(put, path = "/migration/jobs/{id}/inventory", tag = "gate", params(("id" = i64, Path)),
    request_body = InventoryPut,
    responses((status = 200, body = Listed<AddressView>), (status = 404), (status = 413), (status = 422)))]
pub async fn put(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Body(asked): Body<InventoryPut>,
) -> Result<Json<Listed<AddressView>>> {
    caller.may(Permission::ManageMigration)?;
    read(&app, &caller, id).await?;
    let addresses = checked(&asked.addresses)?;
    let mut transaction = app.store.begin().await?;
    transaction.clear_inventory(id).await?;
    for (address, reason) in &addresses {
        transaction.add_address(id, (&uuid()?, address, reason), &caller.actor).await?;
    }
    transaction.set_inventory_at(id, &at(app.now_ms())).await?;
    transaction.commit().await?;
    gates::look_quietly(&app, id).await;
    let rows = app.store.inventory(id).await?;
    Ok(Json(Listed::whole(rows.into_iter().map(AddressView::of).collect())))
}

/// The list as it is kept: each address once, in small letters.
fn checked(asked: &[AddressPut]) -> Result<BTreeMap<String, String>> {
    // A list of nothing would call every address decided.
    if asked.is_empty() {
        return Err(ApiError::field("addresses", "name at least one address, or remove the inventory"));
    }
    if asked.len() > ADDRESSES_MAX {
        return Err(ApiError::field("addresses", format!("at most {ADDRESSES_MAX} addresses")));
    }
    let (mut kept, mut errors) = (BTreeMap::new(), Vec::new());
    for (place, one) in asked.iter().enumerate() {
        let mut wrong = |field: &str, message: &str| {
            let field = format!("addresses[{place}].{field}");
            errors.push(FieldError { field, code: "invalid", message: message.to_owned() });
        };
        let address = one.address.trim().to_lowercase();
        if !is_address(&address) {
            wrong("address", "it is no address");
        } else if !is_reason(&one.excluded_reason) {
            wrong("excluded_reason", "at most 1,000 characters, none of control");
        } else if kept.insert(address, one.excluded_reason.trim().to_owned()).is_some() {
            wrong("address", "it is named twice");
        }
        if errors.len() >= ERRORS_MAX {
            break;
        }
    }
    if errors.is_empty() { Ok(kept) } else { Err(ApiError::fields(errors)) }
}

fn is_address(text: &str) -> bool {
    let has_both =
        text.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    let is_plain = !text.chars().any(|letter| letter.is_control() || letter.is_whitespace());
    has_both && is_plain && text.len() <= ADDRESS_OCTETS_MAX && text.matches('@').count() == 1
}

fn is_reason(text: &str) -> bool {
    text.chars().count() <= REASON_MAX && !text.chars().any(char::is_control)
}

/// What becomes of one address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// The address.
    address: String,
    /// Why it is left out; empty takes that back.
    excluded_reason: String,
}

/// `POST /migration/jobs/{id}/inventory/decide`: leaves one address out, or takes that back.
#[utoipa::path(post, path = "/migration/jobs/{id}/inventory/decide", tag = "gate", params(("id" = i64, Path)),
    request_body = Decision,
    responses((status = 200, body = Listed<AddressView>), (status = 404), (status = 422)))]
pub async fn decide(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Body(asked): Body<Decision>,
) -> Result<Json<Listed<AddressView>>> {
    caller.may(Permission::ManageMigration)?;
    read(&app, &caller, id).await?;
    if !is_reason(&asked.excluded_reason) {
        return Err(ApiError::field("excluded_reason", "at most 1,000 characters, none of control"));
    }
    let address = asked.address.trim().to_lowercase();
    let mut transaction = app.store.begin().await?;
    if !transaction.excuse(id, &address, asked.excluded_reason.trim()).await? {
        return Err(ApiError::not_found("address in the inventory"));
    }
    transaction.commit().await?;
    gates::look_quietly(&app, id).await;
    let rows = app.store.inventory(id).await?;
    Ok(Json(Listed::whole(rows.into_iter().map(AddressView::of).collect())))
}

/// `DELETE /migration/jobs/{id}/inventory`: the gate warns again that no inventory is known.
#[utoipa::path(delete, path = "/migration/jobs/{id}/inventory", tag = "gate", params(("id" = i64, Path)),
    responses((status = 204), (status = 404)))]
pub async fn remove(State(app): State<App>, caller: Caller, At(id): At<i64>) -> Result<Response> {
    caller.may(Permission::ManageMigration)?;
    read(&app, &caller, id).await?;
    let mut transaction = app.store.begin().await?;
    transaction.clear_inventory(id).await?;
    transaction.set_inventory_at(id, "").await?;
    transaction.commit().await?;
    gates::look_quietly(&app, id).await;
    Ok(no_content())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_addresses_is_refused_line_by_line() {
        let list = |texts: &[(&str, &str)]| {
            let put = |(address, reason): &(&str, &str)| AddressPut {
                address: (*address).to_owned(),
                excluded_reason: (*reason).to_owned(),
            };
            checked(&texts.iter().map(put).collect::<Vec<_>>())
        };
        for (texts, expected) in [
            (&[("Ana@Example.com", ""), ("list@example.com", "a list")][..], Ok(2)),
            (&[], Err("addresses")),
            (&[("ana@example.com", ""), (" ANA@example.com ", "")], Err("addresses[1].address")),
            (&[("ana", "")], Err("addresses[0].address")),
            (&[("@example.com", "")], Err("addresses[0].address")),
            (&[("a b@example.com", "")], Err("addresses[0].address")),
            (&[("a@b@example.com", "")], Err("addresses[0].address")),
            (&[("ana@example.com", "left\r\nout")], Err("addresses[0].excluded_reason")),
        ] {
            let told = list(texts);
            let told = told.as_ref().map(BTreeMap::len).map_err(|error| error.errors[0].field.as_str());
            assert_eq!(told, expected, "{texts:?}");
        }
    }
}
