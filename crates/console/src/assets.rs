//! The static files, built into the program: one list, served from memory with an entity tag, so
//! that a browser asks again and is told when nothing changed.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::error::ConsoleError;

struct Asset {
    path: &'static str,
    content_type: &'static str,
    content: &'static [u8],
}

const ALL: &[Asset] = &[
    Asset {
        path: "console.css",
        content_type: "text/css; charset=utf-8",
        content: include_bytes!("../static/console.css"),
    },
    Asset {
        path: "console.js",
        content_type: "text/javascript; charset=utf-8",
        content: include_bytes!("../static/console.js"),
    },
    Asset {
        path: "mark.svg",
        content_type: "image/svg+xml",
        content: include_bytes!("../static/mark.svg"),
    },
    Asset {
        path: "inter/inter-latin-wght-normal.woff2",
        content_type: "font/woff2",
        content: include_bytes!("../static/inter/inter-latin-wght-normal.woff2"),
    },
    Asset {
        path: "inter/LICENSE",
        content_type: "text/plain; charset=utf-8",
        content: include_bytes!("../static/inter/LICENSE"),
    },
];

/// One tag for all of them: they change together, with the program.
static TAG: LazyLock<HeaderValue> = LazyLock::new(|| {
    let mut hasher = blake3::Hasher::new();
    for asset in ALL {
        hasher.update(asset.content);
    }
    let tag = format!("\"{}\"", &hasher.finalize().to_hex()[..16]);
    HeaderValue::try_from(tag).expect("hexadecimal digits in quotes are a header value")
});

pub(crate) async fn serve(
    Path(path): Path<String>,
    request: HeaderMap,
) -> Result<Response, ConsoleError> {
    let asset = ALL.iter().find(|asset| asset.path == path).ok_or(ConsoleError::NotFound)?;
    let headers = [
        (header::ETAG, TAG.clone()),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type)),
    ];
    if request.get(header::IF_NONE_MATCH) == Some(&*TAG) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    Ok((headers, asset.content).into_response())
}

#[cfg(test)]
mod tests {
    use super::ALL;

    /// The bound on scripts is 60 KB compressed; ours need no compression to stay below it.
    #[test]
    fn scripts_stay_small() {
        let scripts = ALL.iter().filter(|asset| asset.content_type.starts_with("text/javascript"));
        let bytes: usize = scripts.map(|asset| asset.content.len()).sum();
        assert!(bytes < 8 * 1024, "{bytes}");
    }
}
