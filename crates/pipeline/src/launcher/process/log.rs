//! What a program says, in a file of bounded length: the first half as it comes, so that it can be
//! followed, and the last half when it ends, since errors stand there. Never makes the program wait.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Write},
    path::Path,
};

use tokio::{io::AsyncReadExt, net::unix::pipe};

/// Read at a time.
const CHUNK: usize = 16 * 1024;

/// A log that is being written.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    /// Bytes that may still be written as they come.
    room: usize,
    /// The last bytes of what came after that.
    tail: VecDeque<u8>,
    tail_bytes: usize,
    /// Bytes that are in neither half.
    lost: u64,
}

impl Log {
    pub(super) fn create(path: &Path, bytes: usize) -> io::Result<Self> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let (room, tail_bytes) = (bytes / 2, bytes / 2);
        Ok(Self { file: File::create(path)?, room, tail: VecDeque::new(), tail_bytes, lost: 0 })
    }

    /// Reads until nobody can write any more.
    pub(super) async fn fill(mut self, mut from: pipe::Receiver) {
        let mut chunk = vec![0; CHUNK];
        loop {
            match from.read(&mut chunk).await {
                Ok(0) => break,
                Ok(read) => self.take(&chunk[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    tracing::warn!(%error, "a program's log could not be read to its end");
                    break;
                }
            }
        }
        self.finish();
    }

    fn take(&mut self, bytes: &[u8]) {
        let (now, later) = bytes.split_at(bytes.len().min(self.room));
        self.room -= now.len();
        if let Err(error) = self.file.write_all(now) {
            tracing::warn!(%error, "a program's log could not be written");
        }
        self.tail.extend(later);
        let over = self.tail.len().saturating_sub(self.tail_bytes);
        self.tail.drain(..over);
        self.lost += over as u64;
    }

    fn finish(mut self) {
        let note = if self.lost > 0 {
            format!("\n[… {} bytes are not kept …]\n", self.lost)
        } else {
            String::new()
        };
        let (first, second) = self.tail.as_slices();
        for part in [note.as_bytes(), first, second] {
            if let Err(error) = self.file.write_all(part) {
                tracing::warn!(%error, "the end of a program's log could not be written");
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Log;

    fn logged(bytes: usize, said: &[&str]) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("logs/one.txt");
        let mut log = Log::create(&path, bytes).expect("created");
        for part in said {
            log.take(part.as_bytes());
        }
        log.finish();
        std::fs::read_to_string(path).expect("read")
    }

    #[test]
    fn a_log_is_kept_up_to_its_bound() {
        assert_eq!(logged(10, &["abc", "def"]), "abcdef");
        assert_eq!(logged(10, &["abcdefghij"]), "abcdefghij");
        assert_eq!(
            logged(10, &["abcdefg", "hijk", "lmn"]),
            "abcde\n[… 4 bytes are not kept …]\njklmn"
        );
    }
}
