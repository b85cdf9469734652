//! `GET /v1/models` and `GET /v1/models/{name}`: what can be asked for.

use http::{HeaderValue, Response, header};
use terms::{dialect::Dialect, ids::RequestId};
use wire::{ErrorKind, ModelRow, model_row, models_list};

use crate::{body::ReplyBody, errors, gateway::Gateway, headers};

/// Stands in for a creation time that nobody knows; the clients want a number.
const CREATED_UNIX_S: i64 = 1_767_225_600;

pub(crate) fn list(gateway: &Gateway, dialect: Dialect, id: RequestId) -> Response<ReplyBody> {
    let table = gateway.table();
    let rows: Vec<ModelRow> =
        table.names().into_iter().map(|(name, owner)| row(name, owner)).collect();
    json(models_list(dialect, &rows), id)
}

pub(crate) fn retrieve(
    gateway: &Gateway,
    dialect: Dialect,
    name: &str,
    id: RequestId,
) -> Response<ReplyBody> {
    let table = gateway.table();
    let Some(route) = table.route(name) else {
        let error = errors::reply(
            ErrorKind::NotFound,
            "model_not_found",
            "no route or model has this name; GET /v1/models lists what can be asked for",
        );
        return errors::response(dialect, &error, id);
    };
    let owner = route.targets.first().map_or("outlast", |target| target.provider.name.as_str());
    json(model_row(dialect, &row(name, owner)), id)
}

fn row(name: &str, owner: &str) -> ModelRow {
    ModelRow { id: name.to_owned(), owned_by: owner.to_owned(), created_unix_s: CREATED_UNIX_S }
}

fn json(body: Vec<u8>, id: RequestId) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::whole(body));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers::name_request(response.headers_mut(), id);
    response
}
