//! What attempts say again and again (who asks, for what, where it goes, how it ends) stands once in
//! two small tables; a row of the ledger names it by number. Numbers are looked up per batch and
//! nothing is remembered between batches: a batch that is rolled back leaves no number behind.

use std::collections::HashMap;

use sqlx::{SqliteConnection, query::Query, sqlite::SqliteArguments};
use terms::{
    event::{Hold, Settlement},
    outcome::Ending,
    usage::UsageSource,
};

use crate::error::StoreError;

const FIND_NAMES: &str = "\
    SELECT id FROM attempt_names WHERE key_id = ? AND principal = ? AND team = ? AND route = ? \
    AND target = ? AND provider = ? AND model = ? AND dialect = ? AND stream = ?";

const ADD_NAMES: &str = "\
    INSERT INTO attempt_names (key_id, principal, team, route, target, provider, model, dialect, \
    stream) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id";

const FIND_END: &str = "\
    SELECT id FROM attempt_end WHERE ending = ? AND usage_source = ? AND price_version = ?";

const ADD_END: &str = "\
    INSERT INTO attempt_end (ending, usage_source, price_version) VALUES (?, ?, ?) RETURNING id";

/// The numbers of what a batch says.
#[derive(Debug, Default)]
pub(crate) struct Dictionary<'a> {
    names: HashMap<Names<'a>, i64>,
    ends: HashMap<End<'a>, i64>,
}

/// What a hold says beside its numbers.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Names<'a> {
    texts: [&'a str; 8],
    stream: bool,
}

/// What a settlement says beside its numbers.
#[derive(Debug, PartialEq, Eq, Hash)]
struct End<'a> {
    ending: Ending,
    source: UsageSource,
    price_version: &'a str,
}

impl<'a> Dictionary<'a> {
    /// The number of what this hold says.
    pub(crate) async fn names(
        &mut self,
        connection: &mut SqliteConnection,
        hold: &'a Hold,
    ) -> Result<i64, StoreError> {
        let names = Names::of(hold);
        if let Some(id) = self.names.get(&names) {
            return Ok(*id);
        }
        let id = number(connection, FIND_NAMES, ADD_NAMES, |statement| {
            let texts = names.texts.iter();
            texts.fold(statement, |statement, text| statement.bind(*text)).bind(names.stream)
        })
        .await?;
        self.names.insert(names, id);
        Ok(id)
    }

    /// The number of what this settlement says.
    pub(crate) async fn end(
        &mut self,
        connection: &mut SqliteConnection,
        settlement: &'a Settlement,
    ) -> Result<i64, StoreError> {
        let end = End {
            ending: settlement.ending,
            source: settlement.source,
            price_version: &settlement.price_version,
        };
        if let Some(id) = self.ends.get(&end) {
            return Ok(*id);
        }
        let id = number(connection, FIND_END, ADD_END, |statement| {
            statement.bind(end.ending.name()).bind(end.source.name()).bind(end.price_version)
        })
        .await?;
        self.ends.insert(end, id);
        Ok(id)
    }
}

impl<'a> Names<'a> {
    fn of(hold: &'a Hold) -> Self {
        let texts = [
            hold.key.as_str(),
            hold.principal.as_str(),
            hold.team.as_str(),
            hold.route.as_str(),
            hold.target.as_str(),
            hold.provider.as_str(),
            hold.model.as_str(),
            hold.dialect.name(),
        ];
        Self { texts, stream: hold.stream }
    }
}

type Binding<'q> = Query<'q, sqlx::Sqlite, SqliteArguments>;

/// The number that `find` finds, or that `add` gives. Both take the same values.
async fn number<'q>(
    connection: &mut SqliteConnection,
    find: &'static str,
    add: &'static str,
    bind: impl Fn(Binding<'q>) -> Binding<'q>,
) -> Result<i64, StoreError> {
    use sqlx::Row as _;
    let found = bind(sqlx::query(find)).fetch_optional(&mut *connection).await?;
    let row = match found {
        Some(row) => row,
        None => bind(sqlx::query(add)).fetch_one(connection).await?,
    };
    Ok(row.try_get(0)?)
}
