//! `cargo xtask catalog FOLDER --as-of DATE`: makes `crates/decide/catalog/models.jsonl` from public
//! price lists. Facts only, in our own format; the same sources give the same bytes. The table of
//! tiers and successors beside it is kept by hand and not touched.

mod cross_check;
mod entry;
mod litellm;
mod models_dev;

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};

use cross_check::Witness;
use entry::Entry;

use crate::{repository, say};

/// What the command line gives.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) sources: String,
    pub(crate) as_of: String,
}

/// A catalog and what its making found remarkable.
#[derive(Debug)]
struct Catalog {
    text: String,
    entries: usize,
    remarks: Vec<String>,
}

/// Writes the catalog and says what was remarkable.
pub(crate) fn run(order: &Order) -> Result<()> {
    let catalog = make(Path::new(&order.sources), &order.as_of)?;
    let path = repository::root().join(PATH);
    fs::write(&path, &catalog.text).with_context(|| format!("cannot write {}", path.display()))?;
    for remark in &catalog.remarks {
        say(remark);
    }
    say(&format!("{PATH}: {} models, {} bytes", catalog.entries, catalog.text.len()));
    Ok(())
}

/// Where the catalog stands in the repository.
const PATH: &str = "crates/decide/catalog/models.jsonl";

fn make(sources: &Path, as_of: &str) -> Result<Catalog> {
    if !is_date(as_of) {
        bail!("`{as_of}` is not a date like 2026-11-20");
    }
    let mut remarks = Vec::new();
    let models_dev_path = sources.join("models.dev/providers_compiled.json");
    let models_dev = Witness::read(&models_dev_path, as_of)?;
    let genai = Witness::read(&sources.join("genai-prices/data.json"), as_of)?;
    let litellm_path = sources.join("litellm/model_prices_and_context_window.json");
    let mut entries = litellm::entries(&litellm_path, &mut remarks)?;
    entries.extend(models_dev::entries_without_first_source(&models_dev_path, &models_dev)?);
    entries.retain_mut(|entry| cross_check::check(entry, &genai, &models_dev, &mut remarks));
    entries.sort_by(|a, b| (&a.provider, &a.name).cmp(&(&b.provider, &b.name)));
    let text = render(&entries, as_of);
    Ok(Catalog { text, entries: entries.len(), remarks })
}

fn render(entries: &[Entry], as_of: &str) -> String {
    let mut text = format!(
        "{{\"format\":1,\"as_of\":\"{as_of}\",\"sources\":[\
         {{\"name\":\"litellm\",\"licence\":\"MIT\"}},\
         {{\"name\":\"genai-prices\",\"licence\":\"MIT\"}},\
         {{\"name\":\"models.dev\",\"licence\":\"MIT\"}}]}}\n"
    );
    for entry in entries {
        text.push_str(&serde_json::to_string(entry).expect("plain fields always serialise"));
        text.push('\n');
    }
    text
}

fn is_date(text: &str) -> bool {
    let digit_or_dash = |(index, byte): (usize, u8)| match index {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    text.len() == 10 && text.bytes().enumerate().all(digit_or_dash)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{PATH, make};
    use crate::repository;

    #[test]
    fn the_committed_catalog_is_what_the_sources_give() {
        let sources = repository::root().join("../shared/data/prices");
        if !sources.exists() {
            println!("skipped: no ../shared/data/prices beside the repository");
            return;
        }
        let committed = fs::read_to_string(repository::root().join(PATH)).unwrap();
        let header = committed.lines().next().unwrap();
        let as_of = header.split("\"as_of\":\"").nth(1).unwrap().split('"').next().unwrap();
        let made = make(&sources, as_of).unwrap();
        let differs = made.text.lines().zip(committed.lines()).find(|(made, old)| made != old);
        assert_eq!(differs, None, "run `cargo xtask catalog` again");
        assert_eq!(made.text.len(), committed.len());
        assert!(committed.len() < 300_000, "{} bytes", committed.len());
    }
}
