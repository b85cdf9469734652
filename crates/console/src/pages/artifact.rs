//! What executions read and made, and what their programs said, as downloads. Nothing of it is shown as
//! a page of ours: it is whatever a program wrote.

use std::path::PathBuf;

use askama::Template;
use axum::{
    body::Body,
    extract::{Path, Query, State, rejection::QueryRejection},
    response::{Html, IntoResponse, Response},
};
use futures_util::stream;
use http::header;
use serde::Deserialize;
use tokio::{fs::File, io::AsyncReadExt};

use crate::{
    error::ConsoleError,
    format::bytes,
    live::Overview,
    pipelines::{ArtifactAsked, ArtifactContent, ArtifactPlace},
    state::App,
};

/// Bytes read and sent at a time.
const CHUNK: usize = 64 * 1024;

/// Which file of a folder.
#[derive(Deserialize)]
pub(crate) struct Inside {
    file: Option<String>,
}

#[derive(Template)]
#[template(path = "artifact.html")]
struct FolderPage {
    simulated: Option<String>,
    version: String,
    run: String,
    name: String,
    files: Vec<FileRow>,
}

struct FileRow {
    name: String,
    /// As it stands in an address.
    address: String,
    size: String,
}

pub(crate) async fn of_run(
    State(app): State<App>,
    Path((run, name)): Path<(String, String)>,
    inside: Result<Query<Inside>, QueryRejection>,
) -> Result<Response, ConsoleError> {
    serve(&app, run, ArtifactPlace::Run, name, inside).await
}

pub(crate) async fn of_execution(
    State(app): State<App>,
    Path((run, execution, side, name)): Path<(String, u32, String, String)>,
    inside: Result<Query<Inside>, QueryRejection>,
) -> Result<Response, ConsoleError> {
    let place = match side.as_str() {
        "inputs" => ArtifactPlace::Input(execution),
        "outputs" => ArtifactPlace::Output(execution),
        "logs" => ArtifactPlace::Log(execution),
        _ => return Err(ConsoleError::NotFound),
    };
    serve(&app, run, place, name, inside).await
}

async fn serve(
    app: &App,
    run: String,
    place: ArtifactPlace,
    name: String,
    inside: Result<Query<Inside>, QueryRejection>,
) -> Result<Response, ConsoleError> {
    let Query(Inside { file }) =
        inside.map_err(|error| ConsoleError::BadInput(error.body_text()))?;
    let asked = ArtifactAsked { run, place, name, file };
    let content = app.state.pipelines.artifact(&asked).await.ok_or(ConsoleError::NotFound)?;
    let saved_as = asked.file.as_deref().unwrap_or(&asked.name);
    match content {
        ArtifactContent::Text(text) => Ok(download(saved_as, Body::from(text))),
        ArtifactContent::File(path) => Ok(download(saved_as, open(path).await?)),
        ArtifactContent::Folder(files) => {
            let Overview { simulated, version, .. } = app.state.live.overview();
            let (run, name) = (asked.run, asked.name);
            let files = files.into_iter().map(file_row).collect();
            let page = FolderPage { simulated, version, run, name, files };
            Ok(Html(page.render()?).into_response())
        }
    }
}

fn file_row((name, size): (String, u64)) -> FileRow {
    FileRow { address: in_address(&name), size: bytes(size), name }
}

/// A file as it is read.
async fn open(path: PathBuf) -> Result<Body, ConsoleError> {
    let file = File::open(path).await.map_err(|_| ConsoleError::NotFound)?;
    let chunks = stream::try_unfold(file, |mut file| async move {
        let mut chunk = vec![0; CHUNK];
        let read = file.read(&mut chunk).await?;
        chunk.truncate(read);
        Ok::<_, std::io::Error>((read > 0).then_some((chunk, file)))
    });
    Ok(Body::from_stream(chunks))
}

/// Always to be saved, never to be shown: a browser runs what it shows.
fn download(name: &str, body: Body) -> Response {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let name: String = name.rsplit('/').next().unwrap_or(name).chars().map(plain).collect();
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    (headers, body).into_response()
}

/// Text as a part of an address (RFC 3986).
pub(crate) fn in_address(text: &str) -> String {
    let mut address = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                address.push(char::from(byte));
            }
            _ => address.push_str(&format!("%{byte:02X}")),
        }
    }
    address
}
