//! `outlast usage`: spend by principal, model and day, from the store. The store may be read while
//! the gateway runs.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use store::{SpendDimension, SpendQuery, SpendRow};
use terms::{
    money::{NanoUsd, thousands},
    time::Timestamp,
};

use crate::{
    commands::{ConfigArguments, small_runtime},
    config::Environment,
    terminal,
};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// What to sum by: principal, team, model, provider, route, day, key
    #[arg(long, value_delimiter = ',', default_value = "principal,model,day")]
    by: Vec<String>,
    /// From this day on, YYYY-MM-DD in UTC
    #[arg(long, value_name = "DAY")]
    since: Option<String>,
    /// Print JSON, amounts in nano-USD
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments, environment: &Environment) -> anyhow::Result<ExitCode> {
    small_runtime()?.block_on(report(arguments, environment))?;
    Ok(ExitCode::SUCCESS)
}

async fn report(arguments: &Arguments, environment: &Environment) -> anyhow::Result<()> {
    let by = arguments.by.iter().map(|name| dimension(name)).collect::<anyhow::Result<Vec<_>>>()?;
    let since = arguments
        .since
        .as_ref()
        .map(|day| {
            Timestamp::from_date(day)
                .with_context(|| format!("`{day}` is no day; write YYYY-MM-DD"))
        })
        .transpose()?;
    let store = arguments.config.books(environment).await?;
    let rows = store.spend(&SpendQuery { by: by.clone(), since, until: None }).await?;
    if arguments.json {
        terminal::line(&json(&by, &rows)?);
    } else {
        terminal::line(table(&by, &rows).trim_end());
    }
    store.close().await;
    Ok(())
}

fn dimension(name: &str) -> anyhow::Result<SpendDimension> {
    SpendDimension::from_name(name).with_context(|| {
        let names: Vec<_> = SpendDimension::ALL.iter().map(|dimension| dimension.name()).collect();
        format!("nothing can be summed by `{name}`; known: {}", names.join(", "))
    })
}

fn table(by: &[SpendDimension], rows: &[SpendRow]) -> String {
    let mut head: Vec<&str> = by.iter().map(|dimension| dimension.name()).collect();
    head.extend(["requests", "attempts", "failed", "input", "output", "cost"]);
    let lines = rows.iter().map(|row| {
        let mut line = row.labels.clone();
        line.extend(figures(row));
        line
    });
    let total: NanoUsd = rows.iter().map(|row| row.cost).sum();
    let estimated: NanoUsd = rows.iter().map(|row| row.estimated_cost).sum();
    let numbers: Vec<usize> = (by.len()..by.len() + 6).collect();
    let mut text = terminal::table(&head, lines, &numbers);
    text.push_str(&format!("total {total}"));
    if estimated.0 > 0 {
        text.push_str(&format!(", of which {estimated} rests on estimated token counts"));
    }
    let assumed: NanoUsd = rows.iter().map(|row| row.assumed_cost).sum();
    if assumed.0 > 0 {
        text.push_str(&format!(
            "; {assumed} of it is at assumed prices, because nobody knows the model's; write a \
             [[price]]"
        ));
    }
    let avoided: NanoUsd = rows.iter().map(|row| row.avoided_cost).sum();
    if avoided.0 > 0 {
        text.push_str(&format!(
            "; students' answers would have cost {avoided} at their teachers, estimated"
        ));
    }
    text
}

fn figures(row: &SpendRow) -> [String; 6] {
    [
        thousands(row.requests),
        thousands(row.attempts),
        thousands(row.failed_attempts),
        thousands(row.usage.input()),
        thousands(row.usage.output()),
        row.cost.to_string(),
    ]
}

fn json(by: &[SpendDimension], rows: &[SpendRow]) -> anyhow::Result<String> {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            let labels: serde_json::Map<_, _> = by
                .iter()
                .zip(&row.labels)
                .map(|(dimension, label)| (dimension.name().to_owned(), label.as_str().into()))
                .collect();
            serde_json::json!({
                "labels": labels,
                "requests": row.requests,
                "attempts": row.attempts,
                "failed_attempts": row.failed_attempts,
                "usage": row.usage,
                "cost_nano_usd": row.cost,
                "estimated_cost_nano_usd": row.estimated_cost,
                "assumed_cost_nano_usd": row.assumed_cost,
                "avoided_cost_nano_usd": row.avoided_cost,
            })
        })
        .collect();
    Ok(serde_json::to_string_pretty(&rows)?)
}

#[cfg(test)]
mod tests {
    use store::SpendRow;
    use terms::money::NanoUsd;

    use super::table;

    #[test]
    fn what_is_not_sure_is_said_below_the_sums() {
        let check = |estimated: i64, assumed: i64, expect: &str| {
            let row = SpendRow {
                cost: NanoUsd(4_000_000_000),
                estimated_cost: NanoUsd(estimated),
                assumed_cost: NanoUsd(assumed),
                ..SpendRow::default()
            };
            assert_eq!(table(&[], &[row]).lines().last().unwrap(), expect);
        };
        check(0, 0, "total $4.00");
        check(1_000_000_000, 0, "total $4.00, of which $1.00 rests on estimated token counts");
        check(
            0,
            2_000_000_000,
            "total $4.00; $2.00 of it is at assumed prices, because nobody knows the model's; write a [[price]]",
        );
    }
}
