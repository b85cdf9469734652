//! Compares an entry's prices with what two other sources say. The first source is the newest (the
//! others are months older, so that their agreement may be an old price): it wins wherever it states
//! a price, two that agree fill what it leaves open, and every disagreement becomes a remark. A model
//! whose price nobody knows is left out, because an unknown model must never look free.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use decide::price_list::{PriceList, Stated};
use terms::money::PicoUsdPerToken;

use super::entry::Entry;

/// What another source says that models cost on a day. It is read like any price list that is taken over.
#[derive(Debug)]
pub(super) struct Witness {
    list: PriceList,
    as_of: String,
}

impl Witness {
    pub(super) fn read(path: &Path, as_of: &str) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let list = PriceList::read(&text).with_context(|| format!("{}", path.display()))?;
        Ok(Self { list, as_of: as_of.to_owned() })
    }

    /// Who states no price is no witness.
    pub(super) fn stated(&self, vendor: &str, name: &str) -> Option<Stated> {
        self.list.stated(vendor, name, &self.as_of).ok().flatten()
    }
}

/// The number of a price.
pub(super) fn micro_usd(price: Option<PicoUsdPerToken>) -> Option<u64> {
    price.map(|price| price.0)
}

/// Checks and corrects an entry. False: the entry has no believable price.
pub(super) fn check(
    entry: &mut Entry,
    genai: &Witness,
    models_dev: &Witness,
    remarks: &mut Vec<String>,
) -> bool {
    let second = genai.stated(&entry.provider, &entry.name).unwrap_or_default();
    let third = models_dev.stated(&entry.provider, &entry.name).unwrap_or_default();
    let name = format!("{}/{}", entry.provider, entry.name);
    let mut settle =
        |label: &str, ours: &mut Option<u64>, of: fn(&Stated) -> Option<PicoUsdPerToken>| {
            let (settled, remark) = settle(*ours, micro_usd(of(&second)), micro_usd(of(&third)));
            *ours = settled;
            remarks.extend(remark.map(|remark| format!("{name}: {label} {remark}")));
        };
    settle("input", &mut entry.input, |stated| stated.input);
    settle("output", &mut entry.output, |stated| stated.output);
    settle("cache_read", &mut entry.cache_read, |stated| stated.cache_read);
    settle("cache_write_5m", &mut entry.cache_write_5m, |stated| stated.cache_write_5m);
    let believable = has_believable_price(entry, second, third);
    if !believable {
        remarks.push(format!("{name}: left out, no believable price"));
    }
    believable
}

/// A price of zero needs a second witness, or a name that says so.
fn has_believable_price(entry: &Entry, second: Stated, third: Stated) -> bool {
    let (Some(input), Some(output)) = (entry.input, entry.output) else { return false };
    let nothing = Some(PicoUsdPerToken(0));
    let free = |stated: Stated| stated.input == nothing && stated.output == nothing;
    input + output > 0 || entry.name.ends_with(":free") || (free(second) && free(third))
}

/// The price to believe, and a remark where the sources differ. One source alone fills no gap.
fn settle(
    first: Option<u64>,
    second: Option<u64>,
    third: Option<u64>,
) -> (Option<u64>, Option<String>) {
    let shown = |price: Option<u64>| price.map_or("-".to_owned(), |price| price.to_string());
    let stated = first.filter(|price| *price > 0);
    let two_agree = second.is_some() && second == third;
    if stated.is_none() && two_agree && second != first {
        let (first, settled) = (shown(first), shown(second));
        return (
            second,
            Some(format!("{first} filled with {settled}, on which two sources agree")),
        );
    }
    let differs = |other: Option<u64>| other.is_some() && first.is_some() && other != first;
    if differs(second) || differs(third) {
        let (kept, second, third) = (shown(first), shown(second), shown(third));
        let remark = format!("{kept} kept against genai-prices {second}, models.dev {third}");
        return (first, Some(remark));
    }
    (first, None)
}

#[cfg(test)]
mod tests {
    use super::settle;

    #[test]
    fn the_first_source_wins_where_it_states_a_price_and_two_fill_a_gap() {
        assert_eq!(settle(Some(1), Some(2), Some(2)).0, Some(1));
        assert!(settle(Some(1), Some(2), Some(2)).1.is_some());
        assert_eq!(settle(Some(0), Some(2), Some(2)).0, Some(2));
        assert_eq!(settle(None, Some(2), Some(2)).0, Some(2));
        assert_eq!(settle(None, Some(2), None), (None, None));
        assert_eq!(settle(Some(1), None, Some(2)).0, Some(1));
        assert_eq!(settle(Some(1), Some(1), Some(1)).1, None);
    }
}
