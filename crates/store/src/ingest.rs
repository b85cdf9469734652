//! Taking in the journal: holds become pending attempts, settlements complete them, the position
//! moves, all in one transaction. Applying an entry twice is applying it once; what an entry means
//! for budgets is not known here.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use sqlx::{Sqlite, SqliteConnection, query::Query, sqlite::SqliteArguments};
use terms::{
    breaker::BreakerEvent,
    event::{Entry, Hold, JournalPosition, Settlement},
    ids::AttemptId,
};

use crate::{breakers, error::StoreError, store::Store};

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

/// Rows per statement. One statement per row costs several times as much; many more make a statement
/// so large that its memory is mapped anew each time, which costs more than it saves (measured).
const ROWS: usize = 16;

/// The columns that a hold gives, and their number.
const HOLD: (&str, usize) = (
    "request, ordinal, held_at, day, key_id, principal, team, route, target, provider, model, \
     dialect, stream, estimated_in, ceiling",
    15,
);

/// The columns that a settlement gives beside the attempt's id, and their number.
const SETTLEMENT: (&str, usize) = (
    "settled_at, ending, uncached_in, cache_read, cache_write_5m, cache_write_1h, visible_out, \
     reasoning_out, usage_source, cost, avoided_cost, price_version, first_token_ms, total_ms",
    14,
);

const IF_ABSENT: &str = "ON CONFLICT (request, ordinal) DO NOTHING";

const COMPLETE: &str = "\
    UPDATE attempt SET settled_at = settled.settled_at, ending = settled.ending, \
    uncached_in = settled.uncached_in, cache_read = settled.cache_read, \
    cache_write_5m = settled.cache_write_5m, cache_write_1h = settled.cache_write_1h, \
    visible_out = settled.visible_out, reasoning_out = settled.reasoning_out, \
    usage_source = settled.usage_source, cost = settled.cost, \
    avoided_cost = settled.avoided_cost, \
    price_version = settled.price_version, first_token_ms = settled.first_token_ms, \
    total_ms = settled.total_ms FROM settled \
    WHERE attempt.request = settled.request AND attempt.ordinal = settled.ordinal \
    AND attempt.ending IS NULL";

/// The texts of one statement, for a full piece and for a single row: made once, because writing
/// hundreds of placeholders anew for each piece costs as much as running it.
struct Texts {
    full: LazyLock<String>,
    single: LazyLock<String>,
}

impl Texts {
    const fn new(full: fn() -> String, single: fn() -> String) -> Self {
        Self { full: LazyLock::new(full), single: LazyLock::new(single) }
    }

    fn of(&'static self, rows: usize) -> &'static str {
        if rows == ROWS { &self.full } else { &self.single }
    }
}

static INSERT_WHOLE: Texts = Texts::new(|| insert_whole_text(ROWS), || insert_whole_text(1));
static INSERT_HOLDS: Texts = Texts::new(|| insert_holds_text(ROWS), || insert_holds_text(1));
static COMPLETE_ATTEMPTS: Texts =
    Texts::new(|| settled_text(ROWS, COMPLETE), || settled_text(1, COMPLETE));
static INSERT_ORPHANS: Texts = Texts::new(|| orphans_text(ROWS), || orphans_text(1));

fn insert_whole_text(rows: usize) -> String {
    let values = values(rows, HOLD.1 + SETTLEMENT.1);
    format!("INSERT INTO attempt ({}, {}) VALUES {values} {IF_ABSENT}", HOLD.0, SETTLEMENT.0)
}

fn insert_holds_text(rows: usize) -> String {
    format!("INSERT INTO attempt ({}) VALUES {} {IF_ABSENT}", HOLD.0, values(rows, HOLD.1))
}

/// A statement that reads settlements from a table named `settled`.
fn settled_text(rows: usize, statement: &str) -> String {
    let values = values(rows, 2 + SETTLEMENT.1);
    format!("WITH settled (request, ordinal, {}) AS (VALUES {values}) {statement}", SETTLEMENT.0)
}

fn orphans_text(rows: usize) -> String {
    let insert = format!(
        "INSERT INTO orphan (request, ordinal, {}) SELECT * FROM settled \
         WHERE NOT EXISTS (SELECT 1 FROM attempt WHERE attempt.request = settled.request \
         AND attempt.ordinal = settled.ordinal) {IF_ABSENT}",
        SETTLEMENT.0
    );
    settled_text(rows, &insert)
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
        let mut transaction = self.writer.begin().await?;
        for whole in pieces(&whole) {
            let inserted = insert_whole(&mut transaction, whole).await?;
            report.held += inserted;
            report.settled += inserted;
            if inserted < whole.len() as u64 {
                // Some holds are there from an earlier batch: these are completed like late ones.
                settlements.extend(whole.iter().map(|(_, settlement)| *settlement));
            }
        }
        for holds in pieces(&holds) {
            report.held += insert_holds(&mut transaction, holds).await?;
        }
        for settlements in pieces(&settlements) {
            let settled = with_settled(&mut transaction, &COMPLETE_ATTEMPTS, settlements).await?;
            report.settled += settled;
            if settled < settlements.len() as u64 {
                report.orphaned +=
                    with_settled(&mut transaction, &INSERT_ORPHANS, settlements).await?;
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

/// Full pieces, then single rows: two statements, both prepared once.
fn pieces<T>(rows: &[T]) -> impl Iterator<Item = &[T]> {
    let full = rows.chunks_exact(ROWS);
    let rest = full.remainder();
    full.chain(rest.chunks(1))
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
    sorted.holds.sort_unstable_by_key(|hold| hold.attempt);
    sorted
}

async fn insert_whole(
    connection: &mut SqliteConnection,
    whole: &[(&Hold, &Settlement)],
) -> Result<u64, StoreError> {
    let mut statement = sqlx::query(INSERT_WHOLE.of(whole.len()));
    for (hold, settlement) in whole {
        statement = bind_settlement(bind_hold(statement, hold)?, settlement)?;
    }
    Ok(statement.execute(connection).await?.rows_affected())
}

async fn insert_holds(
    connection: &mut SqliteConnection,
    holds: &[&Hold],
) -> Result<u64, StoreError> {
    let mut statement = sqlx::query(INSERT_HOLDS.of(holds.len()));
    for hold in holds {
        statement = bind_hold(statement, hold)?;
    }
    Ok(statement.execute(connection).await?.rows_affected())
}

/// Runs one of the statements that read from `settled`.
async fn with_settled(
    connection: &mut SqliteConnection,
    texts: &'static Texts,
    settlements: &[&Settlement],
) -> Result<u64, StoreError> {
    let mut statement = sqlx::query(texts.of(settlements.len()));
    for settlement in settlements {
        statement = statement
            .bind(settlement.attempt.request.to_string())
            .bind(i64::from(settlement.attempt.ordinal));
        statement = bind_settlement(statement, settlement)?;
    }
    Ok(statement.execute(connection).await?.rows_affected())
}

/// The values of [`HOLD`].
fn bind_hold<'a>(statement: Binding<'a>, hold: &'a Hold) -> Result<Binding<'a>, StoreError> {
    Ok(statement
        .bind(hold.attempt.request.to_string())
        .bind(i64::from(hold.attempt.ordinal))
        .bind(hold.at.0)
        .bind(hold.at.day())
        .bind(hold.key.as_str())
        .bind(hold.principal.as_str())
        .bind(hold.team.as_str())
        .bind(hold.route.as_str())
        .bind(hold.target.as_str())
        .bind(hold.provider.as_str())
        .bind(hold.model.as_str())
        .bind(hold.dialect.name())
        .bind(i64::from(hold.stream))
        .bind(integer("an estimate of input tokens", hold.estimated_in)?)
        .bind(hold.ceiling.0))
}

/// The values of [`SETTLEMENT`].
fn bind_settlement<'a>(
    statement: Binding<'a>,
    settlement: &'a Settlement,
) -> Result<Binding<'a>, StoreError> {
    let usage = &settlement.usage;
    let tokens = |count| integer("a count of tokens", count);
    let time = |ms| integer("a time", ms);
    Ok(statement
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
        .bind(time(settlement.total_ms)?))
}

fn integer(what: &'static str, value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::TooLarge(what))
}
