//! Taking in the journal: holds become pending attempts, settlements complete them, the position
//! moves, all in one transaction. Applying an entry twice is applying it once; what an entry means
//! for budgets is not known here.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use sqlx::{Arguments, Sqlite, SqliteConnection, query::Query, sqlite::SqliteArguments};
use terms::{
    breaker::BreakerEvent,
    event::{Entry, Hold, JournalPosition, Settlement},
    ids::AttemptId,
};

use crate::{
    attempts::id_bytes, breakers, dictionary::Dictionary, error::StoreError, store::Store,
};

/// What a batch changed. Entries that were known already are counted in none of these.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IngestReport {
    /// Attempts that are new.
    pub held: u64,
    /// Attempts that were completed.
    pub settled: u64,
    /// Settlements put aside because their hold was never seen.
    pub orphaned: u64,
}

/// A statement whose values are being bound.
type Binding<'a> = Query<'a, Sqlite, SqliteArguments>;

/// Rows per statement, the most first. Each statement is a journey to the database's thread and back,
/// which costs as much as several rows.
const ROWS: [usize; 3] = [64, 8, 1];

/// The columns that a hold gives, and their number.
const HOLD: (&str, usize) = ("request, ordinal, held_at, names, estimated_in, ceiling", 6);

/// The columns that a settlement gives beside the attempt's id, and their number.
const SETTLEMENT: (&str, usize) = (
    "settled_at, ended, uncached_in, cache_read, cache_write_5m, cache_write_1h, visible_out, \
     reasoning_out, cost, avoided_cost, first_token_ms, total_ms",
    12,
);

const IF_ABSENT: &str = "ON CONFLICT (request, ordinal) DO NOTHING";

const COMPLETE: &str = "\
    UPDATE attempt_row SET settled_at = settled.settled_at, ended = settled.ended, \
    uncached_in = settled.uncached_in, cache_read = settled.cache_read, \
    cache_write_5m = settled.cache_write_5m, cache_write_1h = settled.cache_write_1h, \
    visible_out = settled.visible_out, reasoning_out = settled.reasoning_out, \
    cost = settled.cost, avoided_cost = settled.avoided_cost, \
    first_token_ms = settled.first_token_ms, total_ms = settled.total_ms FROM settled \
    WHERE attempt_row.request = settled.request AND attempt_row.ordinal = settled.ordinal \
    AND attempt_row.ended IS NULL";

/// Orphans are rare: one statement each, and their words as they are.
const INSERT_ORPHAN: &str = "\
    INSERT INTO orphan (request, ordinal, settled_at, ending, uncached_in, cache_read, \
    cache_write_5m, cache_write_1h, visible_out, reasoning_out, usage_source, cost, avoided_cost, \
    price_version, first_token_ms, total_ms) \
    SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? \
    WHERE NOT EXISTS (SELECT 1 FROM attempt_row WHERE request = ? AND ordinal = ?) \
    ON CONFLICT (request, ordinal) DO NOTHING";

/// The texts of one statement, for each number of rows: made once, because writing hundreds of
/// placeholders anew for each piece costs as much as running it.
struct Texts(LazyLock<[String; ROWS.len()]>);

impl Texts {
    const fn new(texts: fn() -> [String; ROWS.len()]) -> Self {
        Self(LazyLock::new(texts))
    }

    /// The statement for this many rows, which is one of [`ROWS`], and room for their values.
    fn of<'a>(&'static self, rows: usize, columns: usize) -> Binding<'a> {
        let size = ROWS.iter().position(|size| *size == rows).unwrap_or(ROWS.len() - 1);
        let text: &'static str = &self.0[size];
        let mut arguments = SqliteArguments::default();
        arguments.reserve(rows * columns, 0);
        sqlx::query_with(text, arguments)
    }
}

static INSERT_WHOLE: Texts = Texts::new(|| ROWS.map(insert_whole_text));
static INSERT_HOLDS: Texts = Texts::new(|| ROWS.map(insert_holds_text));
static COMPLETE_ATTEMPTS: Texts = Texts::new(|| ROWS.map(complete_text));

fn insert_whole_text(rows: usize) -> String {
    let values = values(rows, HOLD.1 + SETTLEMENT.1);
    format!("INSERT INTO attempt_row ({}, {}) VALUES {values} {IF_ABSENT}", HOLD.0, SETTLEMENT.0)
}

fn insert_holds_text(rows: usize) -> String {
    format!("INSERT INTO attempt_row ({}) VALUES {} {IF_ABSENT}", HOLD.0, values(rows, HOLD.1))
}

fn complete_text(rows: usize) -> String {
    let values = values(rows, 2 + SETTLEMENT.1);
    format!("WITH settled (request, ordinal, {}) AS (VALUES {values}) {COMPLETE}", SETTLEMENT.0)
}

/// `(?, ?), (?, ?)` for two rows of two values. SQLite looks numbered places up by their names, one
/// after the other, which takes longer than everything else together; PostgreSQL will want numbers.
fn values(rows: usize, columns: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    vec![row; rows].join(", ")
}

const MOVE_POSITION: &str = "\
    INSERT INTO journal_position (id, segment, byte_offset) VALUES (1, $1, $2) \
    ON CONFLICT (id) DO UPDATE SET segment = excluded.segment, byte_offset = excluded.byte_offset";

impl Store {
    /// Takes in a batch of the journal's entries and the position behind the last of them, in one
    /// transaction: all of it holds afterwards, or nothing. Of several settlements of one attempt
    /// the first counts. A batch is held in memory as it is given; 1,000 entries are a good size.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] for a count above 2⁶³; the database's failures. Nothing is written
    /// then, and the same batch may be given again.
    pub async fn ingest(
        &self,
        entries: &[Entry],
        position: JournalPosition,
    ) -> Result<IngestReport, StoreError> {
        let Sorted { whole, holds, mut settlements, breakers } = sort(entries);
        let mut report = IngestReport::default();
        let mut dictionary = Dictionary::default();
        let mut transaction = self.writer.begin().await?;
        for whole in pieces(&whole) {
            let inserted = insert_whole(&mut transaction, &mut dictionary, whole).await?;
            report.held += inserted;
            report.settled += inserted;
            if inserted < whole.len() as u64 {
                // Some holds are there from an earlier batch: these are completed like late ones.
                settlements.extend(whole.iter().map(|(_, settlement)| *settlement));
            }
        }
        for holds in pieces(&holds) {
            report.held += insert_holds(&mut transaction, &mut dictionary, holds).await?;
        }
        for settlements in pieces(&settlements) {
            let settled = complete(&mut transaction, &mut dictionary, settlements).await?;
            report.settled += settled;
            if settled < settlements.len() as u64 {
                for settlement in settlements {
                    report.orphaned += insert_orphan(&mut transaction, settlement).await?;
                }
            }
        }
        for event in breakers {
            breakers::insert(&mut transaction, event).await?;
        }
        sqlx::query(MOVE_POSITION)
            .bind(integer("a journal segment", position.segment)?)
            .bind(integer("a journal offset", position.offset)?)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(report)
    }

    /// How far the journal has been taken in; `None` before the first batch.
    pub async fn journal_position(&self) -> Result<Option<JournalPosition>, StoreError> {
        let row: Option<(i64, i64)> =
            sqlx::query_as("SELECT segment, byte_offset FROM journal_position WHERE id = 1")
                .fetch_optional(&self.reader)
                .await?;
        Ok(row.map(|(segment, offset)| JournalPosition {
            segment: segment.unsigned_abs(),
            offset: offset.unsigned_abs(),
        }))
    }
}

/// Pieces of the sizes of [`ROWS`], the largest first: few statements, each prepared once.
fn pieces<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = ROWS.into_iter().find(|size| *size <= rows.len())?;
        let (piece, rest) = rows.split_at(size);
        rows = rest;
        Some(piece)
    })
}

/// A batch, told apart by what is to be done with it.
#[derive(Default)]
struct Sorted<'a> {
    /// Attempts that began and ended within the batch, which is most of them: one row, written once.
    whole: Vec<(&'a Hold, &'a Settlement)>,
    /// Attempts that only began.
    holds: Vec<&'a Hold>,
    /// Ends of attempts that began in an earlier batch.
    settlements: Vec<&'a Settlement>,
    /// What happened to breakers.
    breakers: Vec<&'a BreakerEvent>,
}

/// Of one attempt's settlements only the first counts.
fn sort(entries: &[Entry]) -> Sorted<'_> {
    let mut begun: HashMap<AttemptId, &Hold> = HashMap::with_capacity(entries.len());
    let mut ended = HashSet::with_capacity(entries.len());
    let mut sorted = Sorted::default();
    for entry in entries {
        match entry {
            Entry::Hold(hold) => {
                begun.insert(hold.attempt, hold);
            }
            Entry::Settlement(settlement) if ended.insert(settlement.attempt) => {
                match begun.remove(&settlement.attempt) {
                    Some(hold) => sorted.whole.push((hold, settlement)),
                    None => sorted.settlements.push(settlement),
                }
            }
            Entry::Settlement(_) => {}
            Entry::Breaker(event) => sorted.breakers.push(event),
        }
    }
    sorted.holds = begun.into_values().filter(|hold| !ended.contains(&hold.attempt)).collect();
    // In the order in which the rows are kept: writing at the end of a tree is the cheapest.
    sorted.holds.sort_unstable_by_key(|hold| hold.attempt);
    sorted.whole.sort_unstable_by_key(|(hold, _)| hold.attempt);
    sorted.settlements.sort_unstable_by_key(|settlement| settlement.attempt);
    sorted
}

async fn insert_whole<'a>(
    connection: &mut SqliteConnection,
    dictionary: &mut Dictionary<'a>,
    whole: &[(&'a Hold, &'a Settlement)],
) -> Result<u64, StoreError> {
    let mut statement = INSERT_WHOLE.of(whole.len(), HOLD.1 + SETTLEMENT.1);
    for (hold, settlement) in whole {
        let names = dictionary.names(connection, hold).await?;
        let ended = dictionary.end(connection, settlement).await?;
        statement = bind_settlement(bind_hold(statement, hold, names)?, settlement, ended)?;
    }
    Ok(statement.execute(connection).await?.rows_affected())
}

async fn insert_holds<'a>(
    connection: &mut SqliteConnection,
    dictionary: &mut Dictionary<'a>,
    holds: &[&'a Hold],
) -> Result<u64, StoreError> {
    let mut statement = INSERT_HOLDS.of(holds.len(), HOLD.1);
    for hold in holds {
        let names = dictionary.names(connection, hold).await?;
        statement = bind_hold(statement, hold, names)?;
    }
    Ok(statement.execute(connection).await?.rows_affected())
}

/// Completes the attempts of these settlements that are there and pending.
async fn complete<'a>(
    connection: &mut SqliteConnection,
    dictionary: &mut Dictionary<'a>,
    settlements: &[&'a Settlement],
) -> Result<u64, StoreError> {
    let mut statement = COMPLETE_ATTEMPTS.of(settlements.len(), 2 + SETTLEMENT.1);
    for settlement in settlements {
        let ended = dictionary.end(connection, settlement).await?;
        statement = bind_id(statement, settlement.attempt);
        statement = bind_settlement(statement, settlement, ended)?;
    }
    Ok(statement.execute(connection).await?.rows_affected())
}

/// Puts a settlement aside if its attempt is not there, once.
async fn insert_orphan(
    connection: &mut SqliteConnection,
    settlement: &Settlement,
) -> Result<u64, StoreError> {
    let AttemptId { request, ordinal } = settlement.attempt;
    let tokens = |count| integer("a count of tokens", count);
    let time = |ms| integer("a time", ms);
    let usage = &settlement.usage;
    let statement = sqlx::query(INSERT_ORPHAN)
        .bind(request.to_string())
        .bind(i64::from(ordinal))
        .bind(settlement.at.0)
        .bind(settlement.ending.name())
        .bind(tokens(usage.uncached_in)?)
        .bind(tokens(usage.cache_read)?)
        .bind(tokens(usage.cache_write_5m)?)
        .bind(tokens(usage.cache_write_1h)?)
        .bind(tokens(usage.visible_out)?)
        .bind(tokens(usage.reasoning_out)?)
        .bind(settlement.source.name())
        .bind(settlement.cost.0)
        .bind(settlement.avoided.map(|avoided| avoided.0))
        .bind(settlement.price_version.as_str())
        .bind(settlement.first_token_ms.map(time).transpose()?)
        .bind(time(settlement.total_ms)?);
    Ok(bind_id(statement, settlement.attempt).execute(connection).await?.rows_affected())
}

fn bind_id(statement: Binding<'_>, attempt: AttemptId) -> Binding<'_> {
    statement.bind(id_bytes(attempt.request)).bind(i64::from(attempt.ordinal))
}

/// The values of [`HOLD`].
fn bind_hold<'a>(
    statement: Binding<'a>,
    hold: &Hold,
    names: i64,
) -> Result<Binding<'a>, StoreError> {
    Ok(bind_id(statement, hold.attempt)
        .bind(hold.at.0)
        .bind(names)
        .bind(integer("an estimate of input tokens", hold.estimated_in)?)
        .bind(hold.ceiling.0))
}

/// The values of [`SETTLEMENT`].
fn bind_settlement<'a>(
    statement: Binding<'a>,
    settlement: &Settlement,
    ended: i64,
) -> Result<Binding<'a>, StoreError> {
    let usage = &settlement.usage;
    let tokens = |count| integer("a count of tokens", count);
    let time = |ms| integer("a time", ms);
    Ok(statement
        .bind(settlement.at.0)
        .bind(ended)
        .bind(tokens(usage.uncached_in)?)
        .bind(tokens(usage.cache_read)?)
        .bind(tokens(usage.cache_write_5m)?)
        .bind(tokens(usage.cache_write_1h)?)
        .bind(tokens(usage.visible_out)?)
        .bind(tokens(usage.reasoning_out)?)
        .bind(settlement.cost.0)
        .bind(settlement.avoided.map(|avoided| avoided.0))
        .bind(settlement.first_token_ms.map(time).transpose()?)
        .bind(time(settlement.total_ms)?))
}

fn integer(what: &'static str, value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::TooLarge(what))
}
