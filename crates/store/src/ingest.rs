//! Taking in the journal: holds become pending attempts, settlements complete them, the position
//! moves, all in one transaction. Applying an entry twice is applying it once; what an entry means
//! for budgets is not known here.

use std::collections::{HashMap, HashSet};

use sqlx::{QueryBuilder, Sqlite, SqliteConnection, query_builder::Separated};
use terms::{
    event::{Entry, Hold, JournalPosition, Settlement},
    ids::AttemptId,
};

use crate::{error::StoreError, store::Store};

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

/// One row of values while a statement is built.
type Row<'b, 'a> = Separated<'b, Sqlite, &'static str>;

/// Rows per statement. One statement per row costs several times as much; many more make a statement
/// so large that its memory is mapped anew each time, which costs more than it saves (measured).
const ROWS: usize = 16;

const INSERT_ATTEMPTS: &str = "\
    INSERT INTO attempt (request, ordinal, held_at, day, key_id, principal, team, route, target, \
    provider, model, dialect, stream, estimated_in, ceiling) ";

const INSERT_WHOLE: &str = "\
    INSERT INTO attempt (request, ordinal, held_at, day, key_id, principal, team, route, target, \
    provider, model, dialect, stream, estimated_in, ceiling, settled_at, ending, uncached_in, \
    cache_read, cache_write_5m, cache_write_1h, visible_out, reasoning_out, usage_source, cost, \
    price_version, first_token_ms, total_ms) ";

const IF_ABSENT: &str = " ON CONFLICT (request, ordinal) DO NOTHING";

const WITH_SETTLED: &str = "\
    WITH settled (request, ordinal, settled_at, ending, uncached_in, cache_read, cache_write_5m, \
    cache_write_1h, visible_out, reasoning_out, usage_source, cost, price_version, \
    first_token_ms, total_ms) AS (";

const COMPLETE_ATTEMPTS: &str = "\
    ) UPDATE attempt SET settled_at = settled.settled_at, ending = settled.ending, \
    uncached_in = settled.uncached_in, cache_read = settled.cache_read, \
    cache_write_5m = settled.cache_write_5m, cache_write_1h = settled.cache_write_1h, \
    visible_out = settled.visible_out, reasoning_out = settled.reasoning_out, \
    usage_source = settled.usage_source, cost = settled.cost, \
    price_version = settled.price_version, first_token_ms = settled.first_token_ms, \
    total_ms = settled.total_ms FROM settled \
    WHERE attempt.request = settled.request AND attempt.ordinal = settled.ordinal \
    AND attempt.ending IS NULL";

const INSERT_ORPHANS: &str = "\
    ) INSERT INTO orphan (request, ordinal, settled_at, ending, uncached_in, cache_read, \
    cache_write_5m, cache_write_1h, visible_out, reasoning_out, usage_source, cost, \
    price_version, first_token_ms, total_ms) SELECT * FROM settled \
    WHERE NOT EXISTS (SELECT 1 FROM attempt WHERE attempt.request = settled.request \
    AND attempt.ordinal = settled.ordinal) ON CONFLICT (request, ordinal) DO NOTHING";

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
        let Sorted { whole, holds, mut settlements } = sort(entries);
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
            report.held += insert_attempts(&mut transaction, holds).await?;
        }
        for settlements in pieces(&settlements) {
            let settled = complete_attempts(&mut transaction, settlements).await?;
            report.settled += settled;
            if settled < settlements.len() as u64 {
                report.orphaned += insert_orphans(&mut transaction, settlements).await?;
            }
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
    let mut statement = QueryBuilder::new(INSERT_WHOLE);
    let mut fits = Ok(());
    statement.push_values(whole, |mut row, (hold, settlement)| {
        bind_hold(&mut row, hold, &mut fits);
        bind_settlement(&mut row, settlement, &mut fits);
    });
    fits?;
    statement.push(IF_ABSENT);
    execute(connection, statement).await
}

async fn insert_attempts(
    connection: &mut SqliteConnection,
    holds: &[&Hold],
) -> Result<u64, StoreError> {
    let mut statement = QueryBuilder::new(INSERT_ATTEMPTS);
    let mut fits = Ok(());
    statement.push_values(holds, |mut row, hold| bind_hold(&mut row, hold, &mut fits));
    fits?;
    statement.push(IF_ABSENT);
    execute(connection, statement).await
}

async fn complete_attempts(
    connection: &mut SqliteConnection,
    settlements: &[&Settlement],
) -> Result<u64, StoreError> {
    let mut statement = with_settled(settlements)?;
    statement.push(COMPLETE_ATTEMPTS);
    execute(connection, statement).await
}

async fn insert_orphans(
    connection: &mut SqliteConnection,
    settlements: &[&Settlement],
) -> Result<u64, StoreError> {
    let mut statement = with_settled(settlements)?;
    statement.push(INSERT_ORPHANS);
    execute(connection, statement).await
}

/// The start of a statement that reads the settlements' values from a table named `settled`.
fn with_settled(settlements: &[&Settlement]) -> Result<QueryBuilder<Sqlite>, StoreError> {
    let mut statement = QueryBuilder::new(WITH_SETTLED);
    let mut fits = Ok(());
    statement.push_values(settlements, |mut row, settlement| {
        row.push_bind(settlement.attempt.request.to_string())
            .push_bind(i64::from(settlement.attempt.ordinal));
        bind_settlement(&mut row, settlement, &mut fits);
    });
    fits?;
    Ok(statement)
}

/// The columns of an attempt that its hold gives, its id first.
fn bind_hold<'a>(row: &mut Row<'_, 'a>, hold: &'a Hold, fits: &mut Result<(), StoreError>) {
    row.push_bind(hold.attempt.request.to_string())
        .push_bind(i64::from(hold.attempt.ordinal))
        .push_bind(hold.at.0)
        .push_bind(hold.at.day())
        .push_bind(hold.key.as_str())
        .push_bind(hold.principal.as_str())
        .push_bind(hold.team.as_str())
        .push_bind(hold.route.as_str())
        .push_bind(hold.target.as_str())
        .push_bind(hold.provider.as_str())
        .push_bind(hold.model.as_str())
        .push_bind(hold.dialect.name())
        .push_bind(i64::from(hold.stream))
        .push_bind(checked("an estimate of input tokens", hold.estimated_in, fits))
        .push_bind(hold.ceiling.0);
}

/// The columns of an attempt that its settlement gives, without its id.
fn bind_settlement<'a>(
    row: &mut Row<'_, 'a>,
    settlement: &'a Settlement,
    fits: &mut Result<(), StoreError>,
) {
    let usage = &settlement.usage;
    let mut tokens = |count| checked("a count of tokens", count, fits);
    row.push_bind(settlement.at.0)
        .push_bind(settlement.ending.name())
        .push_bind(tokens(usage.uncached_in))
        .push_bind(tokens(usage.cache_read))
        .push_bind(tokens(usage.cache_write_5m))
        .push_bind(tokens(usage.cache_write_1h))
        .push_bind(tokens(usage.visible_out))
        .push_bind(tokens(usage.reasoning_out))
        .push_bind(settlement.source.name())
        .push_bind(settlement.cost.0)
        .push_bind(settlement.price_version.as_str())
        .push_bind(settlement.first_token_ms.map(|ms| checked("a time", ms, fits)))
        .push_bind(checked("a time", settlement.total_ms, fits));
}

/// Runs a statement and returns how many rows it changed. Kept prepared: [`pieces`] sees to it that
/// there are few different texts.
async fn execute(
    connection: &mut SqliteConnection,
    mut statement: QueryBuilder<Sqlite>,
) -> Result<u64, StoreError> {
    let done = statement.build().persistent(true).execute(connection).await?;
    Ok(done.rows_affected())
}

fn integer(what: &'static str, value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::TooLarge(what))
}

/// [`integer`] for a place that cannot return early: the failure is left in `fits`.
fn checked(what: &'static str, value: u64, fits: &mut Result<(), StoreError>) -> i64 {
    integer(what, value).unwrap_or_else(|error| {
        *fits = Err(error);
        0
    })
}
