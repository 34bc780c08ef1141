//! What happens to a file at its source once its upload is completed: it stays, is moved or is deleted.
//!
//! A copy is written under a name that its content says, read back, and only then the file itself is deleted. Each step may
//! be done again, so that a crash between two of them is healed by the next poll.

use futures_util::TryStreamExt;
use sha2::{Digest, Sha256};

use super::source::{Content, DONE, Source, SourceError};
use super::store::CompletedFile;
use crate::config::Done;
use crate::features::uploads::service::{LARGEST_FILE, hex};

/// What came of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Nothing is left to be done with it.
    Done,
    /// Another one has its name by now, which is taken in its turn.
    Replaced,
}

/// Where a file is moved: names come again with other content.
pub fn moved_to(file: &CompletedFile) -> String {
    let content = file.sha256.get(..12).unwrap_or(&file.sha256);
    format!("{DONE}{content}-{}", file.file.path)
}

/// Moves or deletes a file that is at its source as it was when it was taken.
pub async fn settle(
    source: &dyn Source,
    file: &CompletedFile,
    done: Done,
) -> Result<Settled, SourceError> {
    let path = &file.file.path;
    match done {
        Done::Leave => return Ok(Settled::Done),
        Done::Move => {
            let to = moved_to(file);
            // Another process may have written it, and be about to delete the file: a whole copy is never begun again.
            if !is_whole(source, &to, file).await? {
                source.write(&to, source.read(path).await?).await?;
                if !is_whole(source, &to, file).await? {
                    source.delete(&to).await?;
                    if digest(source.read(path).await?).await? != file.sha256 {
                        return Ok(Settled::Replaced);
                    }
                    let text = format!("the copy {to} is not what was written");
                    return Err(SourceError::Service(text));
                }
            }
        }
        Done::Delete => {
            if digest(source.read(path).await?).await? != file.sha256 {
                return Ok(Settled::Replaced);
            }
        }
    }
    // Whoever writes the same name loses nothing but between this look and the deletion.
    if source.look(path).await?.as_ref() != Some(&file.file) {
        return Ok(Settled::Replaced);
    }
    source.delete(path).await?;
    Ok(Settled::Done)
}

/// Whether a copy has the content that was taken.
async fn is_whole(
    source: &dyn Source,
    copy: &str,
    file: &CompletedFile,
) -> Result<bool, SourceError> {
    match source.read(copy).await {
        Ok(content) => Ok(digest(content).await? == file.sha256),
        Err(SourceError::NotFound(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn digest(mut content: Content) -> Result<String, SourceError> {
    let (mut hash, mut size) = (Sha256::new(), 0);
    while let Some(bytes) = content.try_next().await? {
        size += bytes.len() as u64;
        if size > LARGEST_FILE {
            // No more is read of what cannot be what was taken.
            break;
        }
        hash.update(&bytes);
    }
    Ok(hex(&hash.finalize()))
}

#[cfg(test)]
mod tests;
