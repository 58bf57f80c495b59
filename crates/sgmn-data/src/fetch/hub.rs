//! Finds a file of a dataset repository on the Hugging Face Hub.
//!
//! The Hub says which commit a branch stands at and, for large files, their SHA-256; the bytes then come by the same
//! way as all others, so they can be continued and are checked.

use std::path::PathBuf;

use hf_hub::{
    Cache, Repo, RepoType,
    api::sync::{ApiBuilder, ApiError},
};

use super::https::one_line;

/// Where a file of the Hub is, and what the Hub knows of it.
pub(super) struct Located {
    /// Address of the file at a fixed commit.
    pub(super) url: String,
    /// Its length.
    pub(super) size_bytes: u64,
    /// Its SHA-256, if the Hub keeps it as a large file.
    pub(super) sha256: Option<String>,
}

/// Asks the Hub for the file `path` of the dataset repository `repo` at `revision`.
///
/// # Errors
/// The reason in words, if the Hub cannot be reached or has no such file.
pub(super) fn locate(
    endpoint: Option<&str>,
    repo: &str,
    revision: &str,
    path: &str,
) -> Result<Located, String> {
    let explain = |e: ApiError| match e {
        ApiError::RequestError(e) => one_line(&e.to_string()),
        e => one_line(&format!("the answer was not that of a Hub: {e}")),
    };
    // Nothing is kept in this cache and no token is taken from it: the repositories are public.
    let mut builder =
        ApiBuilder::from_cache(Cache::new(PathBuf::new())).with_token(None).with_progress(false);
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint.trim_end_matches('/').into());
    }
    let api = builder.build().map_err(explain)?;
    let at = |revision: &str| {
        api.repo(Repo::with_revision(repo.into(), RepoType::Dataset, revision.into())).url(path)
    };
    let metadata = api.metadata(&at(revision)).map_err(explain)?;
    let etag = metadata.etag();
    let is_sha256 = etag.len() == 64 && etag.bytes().all(|b| b.is_ascii_hexdigit());
    let is_commit = metadata.commit_hash().bytes().all(|b| b.is_ascii_alphanumeric());
    Ok(Located {
        url: at(if is_commit { metadata.commit_hash() } else { revision }),
        size_bytes: metadata.size() as u64,
        sha256: is_sha256.then(|| etag.to_ascii_lowercase()),
    })
}
