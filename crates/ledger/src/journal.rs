//! The journal: an append-only file per segment, one record per line, each with its checksum.
//! An append is one `write`, which survives the death of the process. Reading goes on from any
//! position; a torn last record (power loss) ends its segment. What was appended lately is also kept
//! in memory, so that a reader that keeps up never decodes what this process encoded.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use terms::event::{Entry, JournalPosition};

use crate::{
    error::LedgerError,
    line::{decode, encode},
};

/// A segment is closed when it has grown to this many bytes, so that what the store holds can be
/// deleted piece by piece.
const SEGMENT_BYTES: u64 = 16 << 20;

/// Bytes read at a time when entries are brought into the store.
const READ_BYTES: usize = 512 << 10;

/// Records kept in memory at most; a reader that falls further behind reads the files.
const RECENT: usize = 10_000;

/// Records in memory from which on the reader should not wait for more of them.
const MANY: usize = RECENT / 2;

#[derive(Debug)]
pub(crate) struct Journal {
    folder: PathBuf,
    writer: Mutex<Writer>,
}

#[derive(Debug)]
struct Writer {
    file: File,
    segment: u64,
    offset: u64,
    line: Vec<u8>,
    recent: Recent,
}

/// The newest records, without a gap, from `from` to the end of the journal.
#[derive(Debug)]
struct Recent {
    from: JournalPosition,
    entries: Vec<Entry>,
}

/// How much waits in memory for a reader after an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// This record alone: whoever sleeps because there was nothing must be told.
    First,
    /// A few records, of whose first the reader was told.
    Some,
    /// So many records that they should be read now.
    Many,
}

/// Entries read, and where the next reading starts.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) entries: Vec<Entry>,
    pub(crate) position: JournalPosition,
    /// Records that could not be read: torn by a power loss, or damaged.
    pub(crate) damaged: u64,
}

impl Journal {
    /// Opens the folder and starts a new segment behind the newest one.
    pub(crate) fn open(folder: &Path) -> Result<Self, LedgerError> {
        let journal_error = |source| LedgerError::Journal { path: folder.to_owned(), source };
        fs::create_dir_all(folder).map_err(journal_error)?;
        let newest = segments(folder).map_err(journal_error)?.last().copied().unwrap_or(0);
        let writer = Writer::start(folder, newest + 1).map_err(journal_error)?;
        Ok(Self { folder: folder.to_owned(), writer: Mutex::new(writer) })
    }

    /// Appends one record. When this returns, the record survives the death of the process.
    pub(crate) fn append(&self, entry: Entry) -> Result<Waiting, LedgerError> {
        let mut writer = self.lock();
        writer
            .append(entry, &self.folder)
            .map_err(|source| LedgerError::Journal { path: self.folder.clone(), source })
    }

    /// Everything behind `from`, if it is in memory: does not wait for the disk. An empty batch
    /// means that there is nothing new.
    pub(crate) fn take_recent(&self, from: JournalPosition) -> Option<Batch> {
        self.lock().take_recent(from)
    }

    /// Reads whole records from `from` on, from the files; an empty batch means that there is
    /// nothing new.
    pub(crate) fn read(&self, from: JournalPosition) -> Result<Batch, LedgerError> {
        self.read_from(from)
            .map_err(|source| LedgerError::Journal { path: self.folder.clone(), source })
    }

    /// Where the next record will be written.
    #[cfg(test)]
    pub(crate) fn end(&self) -> JournalPosition {
        self.lock().end()
    }

    /// Deletes segments that the store holds completely.
    pub(crate) fn forget_before(&self, segment: u64) -> io::Result<()> {
        for old in segments(&self.folder)?.into_iter().filter(|old| *old < segment) {
            fs::remove_file(segment_path(&self.folder, old))?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_from(&self, from: JournalPosition) -> io::Result<Batch> {
        // Records in memory are taken from there, once the reader has come so far.
        let end = self.lock().recent.from;
        let mut position = from;
        let mut damaged = 0;
        for segment in
            segments(&self.folder)?.into_iter().filter(|segment| *segment >= from.segment)
        {
            if segment != position.segment {
                position = JournalPosition { segment, offset: 0 };
            }
            let limit = if segment == end.segment { end.offset } else { u64::MAX };
            let bytes = read_at(&segment_path(&self.folder, segment), position.offset, limit)?;
            let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |index| index + 1);
            if whole == 0 {
                // Nothing whole is left here. In an older segment that is a torn tail or the end.
                damaged += u64::from(segment != end.segment && !bytes.is_empty());
                continue;
            }
            let mut entries = Vec::new();
            for line in bytes[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
            {
                match decode(line) {
                    Some(entry) => entries.push(entry),
                    None => damaged += 1,
                }
            }
            position.offset += whole as u64;
            return Ok(Batch { entries, position, damaged });
        }
        Ok(Batch { entries: Vec::new(), position, damaged })
    }
}

impl Writer {
    fn start(folder: &Path, segment: u64) -> io::Result<Self> {
        let path = segment_path(folder, segment);
        let file = OpenOptions::new().create_new(true).append(true).open(path)?;
        let recent = Recent { from: JournalPosition { segment, offset: 0 }, entries: Vec::new() };
        Ok(Self { file, segment, offset: 0, line: Vec::with_capacity(1024), recent })
    }

    fn end(&self) -> JournalPosition {
        JournalPosition { segment: self.segment, offset: self.offset }
    }

    fn append(&mut self, entry: Entry, folder: &Path) -> io::Result<Waiting> {
        if self.offset >= SEGMENT_BYTES {
            *self = Self::start(folder, self.segment + 1)?;
        }
        encode(&entry, &mut self.line)?;
        if let Err(error) = self.file.write_all(&self.line) {
            // A part may stand in the file: cut it off, so that the next record starts a line.
            self.file.set_len(self.offset)?;
            return Err(error);
        }
        self.offset += self.line.len() as u64;
        self.recent.entries.push(entry);
        if self.recent.entries.len() > RECENT {
            self.recent = Recent { from: self.end(), entries: Vec::new() };
        }
        Ok(match self.recent.entries.len() {
            1 => Waiting::First,
            MANY => Waiting::Many,
            _ => Waiting::Some,
        })
    }

    /// Everything in memory, if that is where the reader stands.
    fn take_recent(&mut self, from: JournalPosition) -> Option<Batch> {
        if from != self.recent.from {
            return None;
        }
        let position = self.end();
        let recent = Recent { from: position, entries: Vec::new() };
        let entries = std::mem::replace(&mut self.recent, recent).entries;
        Some(Batch { entries, position, damaged: 0 })
    }
}

fn read_at(path: &Path, offset: u64, limit: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let most = limit.saturating_sub(offset).min(READ_BYTES as u64);
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn segment_path(folder: &Path, segment: u64) -> PathBuf {
    folder.join(format!("{segment:010}.journal"))
}

/// Segment numbers, oldest first.
fn segments(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".journal"));
        numbers.extend(number.and_then(|digits| digits.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    use terms::{
        event::{Entry, JournalPosition, Settlement},
        ids::{AttemptId, RequestId},
        money::NanoUsd,
        outcome::Ending,
        time::Timestamp,
        usage::{Usage, UsageSource},
    };

    use super::{Batch, Journal, MANY, Waiting, segment_path};

    const START: JournalPosition = JournalPosition { segment: 0, offset: 0 };

    fn entry(number: u64) -> Entry {
        Entry::Settlement(Settlement {
            attempt: AttemptId { request: RequestId::from_parts(number, 7), ordinal: 1 },
            at: Timestamp(5),
            ending: Ending::Answered,
            usage: Usage { visible_out: number, ..Usage::default() },
            source: UsageSource::Provider,
            cost: NanoUsd(3),
            avoided: None,
            price_version: "v".to_owned(),
            first_token_ms: None,
            total_ms: 9,
        })
    }

    /// As the ledger reads: from memory, and from the files what is not there.
    fn next(journal: &Journal, from: JournalPosition) -> Batch {
        journal.take_recent(from).unwrap_or_else(|| journal.read(from).unwrap())
    }

    fn read_all(journal: &Journal) -> (Vec<Entry>, u64) {
        let (mut entries, mut damaged, mut position) = (Vec::new(), 0, START);
        loop {
            let batch = next(journal, position);
            damaged += batch.damaged;
            if batch.entries.is_empty() && batch.position == position {
                return (entries, damaged);
            }
            position = batch.position;
            entries.extend(batch.entries);
        }
    }

    #[test]
    fn what_was_appended_is_read_back_across_restarts() {
        let folder = tempfile::tempdir().unwrap();
        for start in 0..3 {
            let journal = Journal::open(folder.path()).unwrap();
            journal.append(entry(start * 2)).unwrap();
            journal.append(entry(start * 2 + 1)).unwrap();
        }
        let journal = Journal::open(folder.path()).unwrap();
        let expect: Vec<_> = (0..6).map(entry).collect();
        assert_eq!(read_all(&journal), (expect, 0));
    }

    #[test]
    fn a_torn_tail_loses_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path()).unwrap();
        journal.append(entry(1)).unwrap();
        let segment = journal.end().segment;
        drop(journal);
        let path = segment_path(folder.path(), segment);
        let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"00000000 {\"hold\":{").unwrap();
        let journal = Journal::open(folder.path()).unwrap();
        journal.append(entry(2)).unwrap();
        assert_eq!(read_all(&journal), (vec![entry(1), entry(2)], 1));
    }

    #[test]
    fn a_damaged_record_is_counted_and_the_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path()).unwrap();
        for number in 0..3 {
            journal.append(entry(number)).unwrap();
        }
        let path = segment_path(folder.path(), journal.end().segment);
        let text = fs::read_to_string(&path).unwrap().replacen(
            "\"visible_out\":1",
            "\"visible_out\":8",
            1,
        );
        fs::write(&path, text).unwrap();
        drop(journal);
        let journal = Journal::open(folder.path()).unwrap();
        assert_eq!(read_all(&journal), (vec![entry(0), entry(2)], 1));
    }

    #[test]
    fn a_reader_that_keeps_up_and_one_that_does_not_see_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path()).unwrap();
        let count = super::RECENT as u64 + 100;
        for number in 0..50 {
            journal.append(entry(number)).unwrap();
        }
        let (first, _) = read_all(&journal);
        let kept_up = journal.end();
        for number in 50..count {
            journal.append(entry(number)).unwrap();
        }
        let rest = {
            let (mut entries, mut position) = (Vec::new(), kept_up);
            while position != journal.end() {
                let batch = next(&journal, position);
                position = batch.position;
                entries.extend(batch.entries);
            }
            entries
        };
        let expect: Vec<_> = (0..count).map(entry).collect();
        assert_eq!([first, rest].concat(), expect);
        assert_eq!(
            read_all(&Journal::open(folder.path()).unwrap()).0,
            expect,
            "and so after a restart"
        );
    }

    #[test]
    fn a_reader_is_told_once_and_again_when_much_waits() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path()).unwrap();
        let told = |count| -> Vec<Waiting> {
            (0..count).map(|number| journal.append(entry(number)).unwrap()).collect()
        };
        assert_eq!(told(3), [Waiting::First, Waiting::Some, Waiting::Some]);
        read_all(&journal);
        let many = told(MANY as u64);
        assert_eq!(
            (many[0], many[MANY - 2], many[MANY - 1]),
            (Waiting::First, Waiting::Some, Waiting::Many)
        );
        read_all(&journal);
        assert_eq!(told(1), [Waiting::First]);
    }

    #[test]
    fn old_segments_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        Journal::open(folder.path()).unwrap().append(entry(1)).unwrap();
        let journal = Journal::open(folder.path()).unwrap();
        journal.forget_before(journal.end().segment).unwrap();
        assert_eq!(read_all(&journal), (vec![], 0));
    }
}
